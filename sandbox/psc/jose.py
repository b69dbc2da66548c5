"""JOSE at the edge of joserfc: the provider's key ring, and reading JWTs from strangers."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey, import_key
from joserfc.jws import JWSRegistry

__all__ = [
    "ASYMMETRIC",
    "SECURE",
    "BadTokenError",
    "KeyRing",
    "half_hash",
    "key_set",
    "read_jwt",
    "unpadded",
    "unverified_claims",
]

ASYMMETRIC = ("RS256", "PS256", "ES256")
# FAPI (F5): RS256 and none are refused.
SECURE = ("PS256", "ES256")
MAX_JWT = 16_384


class BadTokenError(Exception):
    """A JWT that cannot be trusted; its text says why, and quotes nothing of it."""


def unpadded(raw: bytes) -> str:
    """Return base64url without its padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT before any key is known; nothing vouches for them.

    Raises:
        BadTokenError: not a JWT.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        raise BadTokenError("not a JWT") from None
    if not isinstance(claims, dict):
        raise BadTokenError("not a JWT")
    return claims


def half_hash(value: str) -> str:
    """Return at_hash, c_hash or rt_hash for a SHA-256 algorithm (OpenID Connect Core 3.1.3.6)."""
    return unpadded(hashlib.sha256(value.encode()).digest()[:16])


def key_set(jwks: dict[str, Any]) -> KeySet:
    """Import a client's public keys.

    Raises:
        BadTokenError: not a JWK set.
    """
    try:
        return KeySet.import_key_set(jwks)  # type: ignore[arg-type]  # a stranger's: checked there
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadTokenError(f"JWKS: {type(error).__name__}") from None


def read_jwt(
    token: str, keys: KeySet | OctKey, algorithms: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verify a compact JWS and return (header, claims).

    Raises:
        BadTokenError: oversized, not a JWS, an algorithm outside `algorithms` (so never `none`), a
            signature that no key made, or claims that are not a JSON object.
    """
    if len(token) > MAX_JWT:
        raise BadTokenError("JWT: too large")
    problem = "no key for this header"
    try:
        for key in _candidates(token, keys):
            try:
                decoded = jwt.decode(token, key, algorithms=list(algorithms))
            except BadSignatureError:
                problem = "bad signature"
                continue
            if not isinstance(decoded.claims, dict):
                raise BadTokenError("JWT: claims are not an object")
            return dict(decoded.header), dict(decoded.claims)
    except JoseError as error:
        raise BadTokenError(f"JWT: {error.error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadTokenError(f"JWT: {type(error).__name__}") from None
    raise BadTokenError(f"JWT: {problem}")


def _candidates(token: str, keys: KeySet | OctKey) -> list[Any]:
    """Return the keys that may have signed: those of `kid`, or all of the algorithm's family."""
    header = jws.extract_compact(token.encode("ascii")).headers()
    if isinstance(keys, OctKey):
        return [keys]
    kid, alg = header.get("kid"), str(header.get("alg"))
    if alg == "none":
        raise BadTokenError("JWT: alg none")
    family = "EC" if alg.startswith("ES") else "RSA"
    same = [key for key in keys.keys if key.key_type == family]
    named = [key for key in same if key.kid == kid]
    # A kid that is nobody's may still be a key registered without one.
    return named or [key for key in same if kid is None or "kid" not in key.as_dict()]


# What each key is for (`alg`), and of which kind it is; the last one encrypts.
ENCRYPTION = "RSA-OAEP"
_KINDS: dict[str, Callable[[], RSAKey | ECKey]] = {
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
    "ES256": lambda: ECKey.generate_key("P-256"),
    ENCRYPTION: lambda: RSAKey.generate_key(2048),
}


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key. `x5c` is its self-signed certificate; `leaves_at` is when it leaves the JWKS."""

    kid: str
    alg: str
    key: RSAKey | ECKey
    x5c: str
    leaves_at: float | None = None

    def published(self) -> dict[str, Any]:
        """Return the public JWK (RFC 7517 4.4, 4.7 to 4.9)."""
        der = base64.b64decode(self.x5c)
        return {
            **self.key.as_dict(private=False),
            "kid": self.kid,
            "use": "enc" if self.alg == ENCRYPTION else "sig",
            "alg": self.alg,
            "x5c": [self.x5c],
            "x5t": unpadded(hashlib.sha1(der, usedforsecurity=False).digest()),
            "x5t#S256": unpadded(hashlib.sha256(der).digest()),
        }


def _certificate(key: RSAKey | ECKey) -> str:
    """Return a self-signed certificate of a key (base64 DER), as Keycloak gives its keys."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "esante-wallet")])
    now = dt.datetime.now(dt.UTC)
    private = key.private_key
    assert private is not None
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


class KeyRing:
    """The provider's keys: one for each algorithm, those retiring, and a secret of its own."""

    def __init__(self, keys: tuple[RingKey, ...], secret: OctKey) -> None:
        self._keys = keys
        self._secret = secret

    @classmethod
    def generate(cls) -> KeyRing:
        """Make a new ring."""
        return cls(cls._fresh(0), OctKey.generate_key(512))

    @staticmethod
    def _fresh(serial: int) -> tuple[RingKey, ...]:
        fresh = []
        for alg, make in _KINDS.items():
            key = make()
            kid = f"{alg.lower()}-{serial}-{key.thumbprint()[:8]}"
            fresh.append(RingKey(kid, alg, key, _certificate(key)))
        return tuple(fresh)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> KeyRing:
        """Build from the store's plain data."""
        keys = []
        for item in data["keys"]:
            key = import_key(item["jwk"])
            assert isinstance(key, RSAKey | ECKey)
            keys.append(RingKey(item["kid"], item["alg"], key, item["x5c"], item["leaves_at"]))
        secret = import_key(data["secret"])
        assert isinstance(secret, OctKey)
        return cls(tuple(keys), secret)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, private keys included, for the store."""
        keys = [
            {
                "kid": item.kid,
                "alg": item.alg,
                "jwk": item.key.as_dict(private=True),
                "x5c": item.x5c,
                "leaves_at": item.leaves_at,
            }
            for item in self._keys
        ]
        return {"keys": keys, "secret": self._secret.as_dict(private=True)}

    def rotate(self, now: float, grace: float) -> None:
        """Sign with new keys from now on; the old ones stay published `grace` seconds."""
        kept = tuple(
            replace(item, leaves_at=now + grace if item.leaves_at is None else item.leaves_at)
            for item in self._keys
        )
        kept = tuple(item for item in kept if item.leaves_at is not None and item.leaves_at > now)
        self._keys = self._fresh(len(self._keys)) + kept

    def _published(self, now: float) -> list[RingKey]:
        return [item for item in self._keys if item.leaves_at is None or item.leaves_at > now]

    def jwks(self, now: float) -> dict[str, Any]:
        """Return the public JWK set."""
        return {"keys": [item.published() for item in self._published(now)]}

    def verification_keys(self, now: float) -> KeySet:
        """Return the keys that still verify this provider's tokens."""
        signing = [item.published() for item in self._published(now) if item.alg != ENCRYPTION]
        return key_set({"keys": signing})

    def sign(self, claims: dict[str, Any], alg: str, **header: Any) -> str:
        """Sign with the current key for `alg`; `header` may override members (misbehaviour)."""
        item = next(k for k in self._keys if k.alg == alg and k.leaves_at is None)
        return _compact({"alg": alg, "typ": "JWT", "kid": item.kid, **header}, claims, item.key)

    def mark(self, claims: dict[str, Any]) -> str:
        """Sign for this provider's own eyes: HS512, as Keycloak signs refresh tokens."""
        return _compact({"alg": "HS512", "typ": "JWT"}, claims, self._secret)

    def seal(self, claims: dict[str, Any]) -> str:
        """Encrypt as a JWE `dir`, which is what Keycloak's auth_req_id is."""
        header = '{"alg":"dir","enc":"A256CBC-HS512"}'
        protected = unpadded(header.encode()).encode()
        content = JWERegistry.algorithms["enc"]["A256CBC-HS512"]
        vector = content.generate_iv()
        plain = _encode(claims).encode()
        key = self._secret.get_op_key("encrypt")
        sealed, tag = content.encrypt(plain, key, vector, protected)
        return f"{protected.decode()}..{unpadded(vector)}.{unpadded(sealed)}.{unpadded(tag)}"


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _compact(header: dict[str, Any], claims: dict[str, Any], key: RSAKey | ECKey | OctKey) -> str:
    """Return a compact JWS (RFC 7515 7.1): joserfc's algorithm, without its checks of headers.

    Our own headers need none, and they cost as much as an EC signature.
    """
    parts = (_encode(header), _encode(claims))
    signing_input = ".".join(unpadded(part.encode()) for part in parts)
    made = JWSRegistry.algorithms[header["alg"]].sign(signing_input.encode(), key)
    return f"{signing_input}.{unpadded(made)}"
