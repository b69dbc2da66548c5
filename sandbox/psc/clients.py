"""Registered clients (M6): what each may do and how it authenticates."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc.jwk import KeySet

from sandbox.psc.jose import ASYMMETRIC, BadTokenError, key_set
from sandbox.space.errors import UserError
from sandbox.space.reading import STRICT, read_as, read_toml

__all__ = ["AUTH_METHODS", "BUILT_IN_CLIENTS", "Client", "is_local", "load_clients"]

AUTH_METHODS = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
)
MODES = ("poll", "ping", "push")
# RFC 7518 3.2: a HS256 key has at least 256 bits.
MIN_HMAC_SECRET = 32


def is_local(url: str) -> bool:
    """Whether a URL stays in the sandbox: loopback address, localhost, or *.mssante.test."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        parts.port  # noqa: B018  (raises when the port is not one)
    except ValueError:
        return False
    if parts.scheme not in ("https", "http"):
        return False
    if host == "localhost" or host == "mssante.test" or host.endswith(".mssante.test"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _may_redirect(uri: str) -> bool:
    """Whether a browser may be sent there: never `javascript:`, `data:` and their like."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    if "#" in uri or not uri.isprintable():
        return False
    return bool(parts.hostname) if parts.scheme in ("http", "https") else "." in parts.scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A relying party. Names are those of OpenID Connect Registration and CIBA Core 4.

    `delivery_mode` None: the client may not use CIBA.
    `fault` names a misbehaviour (see `faults`) that this client always meets.
    """

    __pydantic_config__ = STRICT

    client_id: str
    auth_method: str = "client_secret_basic"
    client_secret: str | None = None
    jwks: dict[str, Any] | None = None
    tls_client_auth_subject_dn: str | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    # Origins whose scripts may read answers (CORS, profile psc); "+" is those of redirect_uris.
    web_origins: tuple[str, ...] = ()
    delivery_mode: str | None = "poll"
    notification_endpoint: str | None = None
    request_signing_alg: str | None = None
    user_code_parameter: bool = False
    id_token_signed_response_alg: str = "RS256"  # noqa: S105  (an algorithm)
    certificate_bound_tokens: bool = False
    require_pkce: bool = True
    # Imported once: reading a JWKS costs more than checking a signature with it.
    _keys: KeySet | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a registration that could not work.

        Raises:
            UserError: naming the client, the member, and what is allowed.
        """

        def wrong(member: str, then: object, french: str = "", english: str = "") -> UserError:
            where = f"client {self.client_id!r}: {member}"
            if not french:
                return UserError.expected(where, then)
            return UserError(french, english, where=where, then=then)

        if not self.client_id or not self.client_id.isascii() or len(self.client_id) > 255:
            raise wrong("client_id", "1 … 255 ASCII")
        if self.auth_method not in AUTH_METHODS:
            raise wrong("auth_method", AUTH_METHODS)
        if self.auth_method.startswith("client_secret") and not self.client_secret:
            raise wrong("client_secret", "", "secret attendu", "a secret is expected")
        if self.auth_method == "client_secret_jwt" and (
            len((self.client_secret or "").encode()) < MIN_HMAC_SECRET
        ):
            raise wrong(
                "client_secret",
                f"{MIN_HMAC_SECRET} (HS256)",
                "octets attendus, au moins",
                "bytes expected, at least",
            )
        if self.auth_method == "private_key_jwt" and not self.jwks:
            raise wrong("jwks", "", "JWKS public attendu", "a public JWKS is expected")
        if self.auth_method == "tls_client_auth" and not self.tls_client_auth_subject_dn:
            raise wrong(
                "tls_client_auth_subject_dn", "(RFC 4514)", "DN attendu", "a DN is expected"
            )
        if self.jwks is not None:
            try:
                keys = key_set(self.jwks)
            except BadTokenError as error:
                raise wrong(
                    "jwks", f"({error})", "JWKS public attendu", "a public JWKS is expected"
                ) from None
            if any(key.is_private for key in keys.keys):
                raise wrong("jwks", "", "clés publiques seules", "public keys only")
            object.__setattr__(self, "_keys", keys)
        if self.delivery_mode is not None and self.delivery_mode not in MODES:
            raise wrong("delivery_mode", "poll, ping, push")
        if self.delivery_mode in ("ping", "push"):
            if not self.notification_endpoint:
                raise wrong(
                    "notification_endpoint", "(ping, push)", "URL attendue", "a URL is expected"
                )
            if not is_local(self.notification_endpoint):
                raise wrong("notification_endpoint", "127.0.0.0/8, localhost, *.mssante.test")
        for alg, member in (
            (self.request_signing_alg, "request_signing_alg"),
            (self.id_token_signed_response_alg, "id_token_signed_response_alg"),
        ):
            if alg is not None and alg not in ASYMMETRIC:
                raise wrong(member, ASYMMETRIC)
        for member in ("redirect_uris", "post_logout_redirect_uris"):
            if not all(map(_may_redirect, getattr(self, member))):
                raise wrong(
                    member,
                    "(RFC 8252 7.1)",
                    "attendu http(s)://hôte/…, ou un schéma privé à point, sans fragment",
                    "expected http(s)://host/…, or a private scheme with a dot, no fragment",
                )

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose scripts may read what this client is answered."""
        own = {_origin(uri) for uri in self.redirect_uris if uri.startswith("http")}
        given = set(self.web_origins)
        return frozenset((given - {"+"}) | (own if "+" in given else set()))

    @property
    def keys(self) -> KeySet | None:
        """The client's public keys, or None."""
        return self._keys

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Client:
        """Build from plain data (TOML, JSON, control API).

        Raises:
            UserError: an unknown or ill-typed member, or what `__post_init__` refuses.
        """
        return read_as(cls, data, f"client {str(data.get('client_id', ''))[:60]!r}")


def load_clients(path: Path) -> tuple[Client, ...]:
    """Read clients from TOML (`[[client]]`) or JSON (a list).

    Raises:
        UserError: unreadable file, or a client that is refused.
    """
    if path.suffix == ".json":
        try:
            data = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise UserError.because("illisible", "cannot be read", path, error.strerror) from None
        except ValueError as error:
            raise UserError.because("JSON illisible", "unreadable JSON", path, error) from None
    else:
        data = read_toml(path).get("client")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise UserError.expected(path, "[[client]] (TOML), [ {…} ] (JSON)")
    return tuple(Client.from_dict(item) for item in data)


def _built_in() -> Iterable[Client]:
    redirect = ("https://localhost/callback", "http://127.0.0.1/callback")
    secret = "sandbox-secret-that-is-public-0123456789"  # noqa: S105  (published in the docs)
    base = Client(
        client_id="lps-poll",
        client_secret=secret,
        redirect_uris=redirect,
        post_logout_redirect_uris=redirect,
    )
    yield base
    yield replace(base, client_id="lps-post", auth_method="client_secret_post")
    yield replace(base, client_id="operator-proxy")


# Clients that exist out of the box; their secret is in the documentation, hence no secret.
BUILT_IN_CLIENTS: tuple[Client, ...] = tuple(_built_in())
