"""SASL exchanges without sockets: a client's responses in, challenges and `Credentials` out."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable

from sandbox.operators.model import (
    CertificateCredentials,
    Channel,
    Credentials,
    PasswordCredentials,
    SaslName,
    TokenCredentials,
)

__all__ = ["MAX_LINE", "Exchange", "MalformedError", "UnknownMechanism", "begin", "decode"]

MAX_LINE = 12_288  # base64 characters of one response (RFC 4954 §4)
MAX_NAME = 512  # octets of an authcid, an authzid or a user: two addresses and a separator
MAX_PASSWORD = 255  # octets that a server has to take (RFC 4616 §2)
MAX_TOKEN = 8_192
_SEPARATOR = b"\x01"
_B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 §2.1
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # the category Cc, all of it


class UnknownMechanism(Exception):  # noqa: N818 - an answer to the client, not an accident
    """The endpoint does not offer this mechanism (IMAP: NO [CANNOT], SMTP: 504)."""


class MalformedError(Exception):
    """The client's response is not what the mechanism asks for (IMAP: BAD, SMTP: 501)."""


def decode(line: bytes, *, initial: bool = False) -> bytes:
    """Return a response from its base64 line.

    The single `=` of an initial response stands for an empty one (RFC 4959 §3, RFC 4954 §4).
    A cancelling `*` is the caller's business.

    Raises:
        MalformedError: too long, or not base64 (RFC 4648 §4, padded).
    """
    if len(line) > MAX_LINE:
        raise MalformedError(f"a response has at most {MAX_LINE} characters")
    if initial and line == b"=":
        return b""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise MalformedError("the response is not base64") from None


class Exchange:
    """One attempt: give it the client's responses until it gives `Credentials`.

    After `Rejected.challenge` was sent the client answers one more line, which says nothing: that
    is the same for every mechanism and left to the protocol.
    """

    def __init__(
        self,
        mechanism: SaslName,
        first: bytes,
        read: Callable[[bytes], bytes | Credentials],
    ) -> None:
        self.mechanism = mechanism
        self._first = first
        self._read = read

    def step(self, response: bytes | None) -> bytes | Credentials:
        """Take a response, decoded; None when the client sent no initial response.

        Returns:
            A challenge to send (not yet base64), or what the authenticator is to judge.

        Raises:
            MalformedError: it breaks the mechanism's grammar or its bounds.
        """
        if response is None:
            return self._first
        return self._read(response)


def begin(mechanism: str, channel: Channel) -> Exchange:
    """Start an attempt.

    Args:
        mechanism: as the client named it, any case.
        channel: the connection; its endpoint says what is offered.

    Raises:
        UnknownMechanism: not offered here.
    """
    try:
        name = SaslName(mechanism.upper())
    except ValueError:
        raise UnknownMechanism(mechanism) from None
    if name is SaslName.NONE or not channel.takes(name):
        raise UnknownMechanism(mechanism)
    if name is SaslName.LOGIN:
        return Exchange(name, b"Username:", _Login().read)
    if name is SaslName.OAUTHBEARER:
        place = (channel.host, channel.port)
        return Exchange(name, b"", lambda response: _oauthbearer(response, place))
    readers: dict[SaslName, Callable[[bytes], bytes | Credentials]] = {
        SaslName.PLAIN: _plain,
        SaslName.EXTERNAL: _external,
        SaslName.XOAUTH2: _xoauth2,
    }
    return Exchange(name, b"", readers[name])


def _plain(response: bytes) -> Credentials:
    """Read `[authzid] NUL authcid NUL passwd` (RFC 4616 §2)."""
    parts = response.split(b"\0")
    if len(parts) != 3:
        raise MalformedError("PLAIN is an optional authzid, NUL, a name, NUL, a password")
    return PasswordCredentials(
        mechanism=SaslName.PLAIN,
        authcid=_text(parts[1], MAX_NAME, "name"),
        password=_text(parts[2], MAX_PASSWORD, "password"),
        authzid=_text(parts[0], MAX_NAME, "authzid", empty=True),
    )


class _Login:
    """LOGIN: the name, then the password; never a standard, still the only one of some software."""

    def __init__(self) -> None:
        self._name = ""

    def read(self, response: bytes) -> bytes | Credentials:
        """Take the name, which may be an initial response, then the password."""
        if not self._name:
            self._name = _text(response, MAX_NAME, "name")
            return b"Password:"
        return PasswordCredentials(
            mechanism=SaslName.LOGIN,
            authcid=self._name,
            password=_text(response, MAX_PASSWORD, "password"),
        )


def _external(response: bytes) -> Credentials:
    """Read an authzid, often empty (RFC 4422 appendix A)."""
    authzid = _text(response, MAX_NAME, "authzid", empty=True)
    return CertificateCredentials(mechanism=SaslName.EXTERNAL, authzid=authzid)


def _xoauth2(response: bytes) -> Credentials:
    """Read `user=... ^A auth=Bearer ... ^A ^A`, which Google and Microsoft describe."""
    fields = _fields(response)
    if set(fields) != {"user", "auth"}:
        raise MalformedError("XOAUTH2 is user=, ^A, auth=Bearer, ^A, ^A")
    user = _text(fields["user"], MAX_NAME, "user")
    return TokenCredentials(mechanism=SaslName.XOAUTH2, user=user, token=_bearer(fields["auth"]))


def _oauthbearer(response: bytes, place: tuple[str, int]) -> Credentials:
    """Read a GS2 header, then `host`, `port` and `auth` (RFC 7628 §3.1); unknown keys are ignored.

    A token that was meant for another server is not passed on to this one.
    """
    header, separator, rest = response.partition(_SEPARATOR)
    if not separator:
        raise MalformedError("OAUTHBEARER starts with a GS2 header and ^A")
    user = _gs2_user(header)
    fields = _fields(rest)
    if "auth" not in fields:
        raise MalformedError("OAUTHBEARER has auth=Bearer and a token")
    host = _text(fields.get("host", b""), MAX_NAME, "host", empty=True)
    port = _text(fields.get("port", b""), 5, "port", empty=True)
    if host and not _same_host(host, place[0]):
        raise MalformedError(f"host is not {place[0]}")
    if port and port != str(place[1]):
        raise MalformedError(f"port is not {place[1]}")
    return TokenCredentials(
        mechanism=SaslName.OAUTHBEARER, user=user, token=_bearer(fields["auth"])
    )


def _gs2_user(header: bytes) -> str:
    """Return the authzid of `n,a=...,` (RFC 5801 §4); channel binding is not offered."""
    parts = header.split(b",")
    if len(parts) != 3 or parts[0] not in {b"n", b"y"} or parts[2]:
        raise MalformedError("the GS2 header is n,[a=user],")
    if not parts[1]:
        return ""
    if not parts[1].startswith(b"a="):
        raise MalformedError("the GS2 header is n,[a=user],")
    name = _text(parts[1][2:], MAX_NAME, "user")
    if re.search("=(?!2C|3D)", name):
        raise MalformedError("a comma is =2C and an equals sign =3D in a GS2 header")
    return name.replace("=2C", ",").replace("=3D", "=")


def _same_host(given: str, expected: str) -> bool:
    """Compare names; an address of the loopback names no other server."""
    plain = given.lower().rstrip(".")
    if plain in {expected.lower().rstrip("."), "localhost"}:
        return True
    try:
        return ipaddress.ip_address(plain.strip("[]")).is_loopback
    except ValueError:
        return False


def _fields(text: bytes) -> dict[str, bytes]:
    """Read `key=value ^A ... ^A`, keys once each."""
    if not text.endswith(_SEPARATOR + _SEPARATOR):
        raise MalformedError("the response ends with ^A ^A")
    fields: dict[str, bytes] = {}
    for pair in text[:-2].split(_SEPARATOR):
        key, equals, value = pair.partition(b"=")
        if not equals or not key.isalpha() or key.decode("ascii") in fields:
            raise MalformedError("each field is key=value, and comes once")
        fields[key.decode("ascii")] = value
    return fields


def _bearer(value: bytes) -> str:
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer" or not _B64TOKEN.fullmatch(token) or len(token) > MAX_TOKEN:
        raise MalformedError(f"auth is Bearer and a token of at most {MAX_TOKEN} characters")
    return token.decode("ascii")


def _text(value: bytes, longest: int, what: str, *, empty: bool = False) -> str:
    """Read UTF-8 without control characters, within its bounds."""
    if len(value) > longest or not (value or empty):
        raise MalformedError(f"{what}: {'0' if empty else '1'} to {longest} octets are taken")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(f"{what}: not UTF-8") from None
    if _CONTROL.search(text):
        raise MalformedError(f"{what}: control characters are not taken")
    return text
