"""One LDAP connection, without the socket: bytes in, bytes and wishes out (RFC 4511, RFC 2696).

Anonymous reading only, as a public directory: bind without a name, search, StartTLS, Who am I.
Every other operation gets its own refusal. The state is small: whether TLS is on, what is left of a
message.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

import sansldap

from sandbox.directory.ldap import ber
from sandbox.directory.ldap.backend import BASE, EntryPage, SearchBackend
from sandbox.directory.ldap.entries import BASE_DN, Entry
from sandbox.directory.ldap.filters import Filter, FilterTooLargeError, matches, read
from sandbox.directory.ldap.schema import ATTRIBUTE_TYPES, OBJECT_CLASSES

__all__ = ["LdapLimits", "LdapSession", "Wish"]

PAGED = "1.2.840.113556.1.4.319"
START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
_DISCONNECTION = "1.3.6.1.4.1.1466.20036"
_SUBSCHEMA = "cn=subschema"

# Result codes (RFC 4511 appendix A).
SUCCESS, PROTOCOL_ERROR, SIZE_LIMIT, AUTH_METHOD = 0, 2, 4, 7
ADMIN_LIMIT, CRITICAL, NO_SUCH_OBJECT, BAD_CREDENTIALS = 11, 12, 32, 49
BUSY, UNWILLING, OTHER, UNAVAILABLE = 51, 53, 80, 52
OPERATIONS_ERROR = 1

_BIND, _UNBIND, _SEARCH, _ABANDON, _EXTENDED = 0x60, 0x42, 0x63, 0x50, 0x77
_ENTRY, _DONE, _BIND_DONE, _EXTENDED_DONE = 0x64, 0x65, 0x61, 0x78
# Operations that change or compare: request tag, response tag, name.
_REFUSED = {
    0x66: (0x67, "modify"),
    0x68: (0x69, "add"),
    0x4A: (0x6B, "delete"),
    0x6C: (0x6D, "modify DN"),
    0x6E: (0x6F, "compare"),
}
# All that sansldap raises on bytes that are not what they claim.
_UNREADABLE = (
    sansldap.ProtocolError,
    sansldap.LDAPError,
    sansldap.asn1.NotEnougData,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    NotImplementedError,
    RecursionError,
)


class Wish(Enum):
    """What the session asks of whoever holds its socket."""

    START_TLS = auto()
    CLOSE = auto()


@dataclass(frozen=True)
class LdapLimits:
    """Bounds on what a client may ask for.

    Attributes:
        size: Most entries of a search that is not paged, and of a page.
        message: Longest request, in bytes.
    """

    size: int = 500
    message: int = 65_536


class LdapSession:
    """A connection's dialogue.

    Args:
        backend: Where entries are.
        limits: Bounds.
        tls: Whether TLS is on already (LDAPS).
        can_start_tls: Whether StartTLS may be asked for.
        secret: Key that seals the cookies of paged searches; share it between connections.
    """

    def __init__(
        self,
        backend: SearchBackend,
        limits: LdapLimits | None = None,
        *,
        tls: bool = False,
        can_start_tls: bool = False,
        secret: bytes | None = None,
    ) -> None:
        self._backend = backend
        self._limits = limits or LdapLimits()
        self._tls = tls
        self._can_start_tls = can_start_tls
        self._secret = secret or secrets.token_bytes(32)
        self._pending = bytearray()

    def receive(self, data: bytes) -> Iterator[bytes | Wish]:
        """Take bytes from the client; give the bytes to send back, and wishes, in order.

        After `Wish.START_TLS` nothing else comes out: what is left in clear is dropped, so that it
        cannot be mixed with what TLS protects.
        """
        self._pending += data
        while True:
            try:
                message = ber.frame(self._pending, self._limits.message)
            except ber.FramingError as error:
                yield self._disconnection(str(error))
                yield Wish.CLOSE
                return
            if message is None:
                return
            for answer in self._answer(message):
                yield answer
                if isinstance(answer, Wish):
                    self._pending.clear()
                    return

    def tls_started(self) -> None:
        """Take note that TLS is now on."""
        self._tls = True

    def _disconnection(self, text: str) -> bytes:
        """Return a Notice of Disconnection (RFC 4511 §4.4.1)."""
        extra = ber.octets(_DISCONNECTION, 0x8A)
        return ber.result(0, _EXTENDED_DONE, PROTOCOL_ERROR, text, extra=extra)

    def _answer(self, message: ber.Frame) -> Iterator[bytes | Wish]:
        number, operation = message.message_id, message.operation
        if operation == _UNBIND:
            yield Wish.CLOSE
            return
        if operation == _ABANDON:
            return
        if operation in _REFUSED:
            tag, name = _REFUSED[operation]
            text = f"{name}: this directory is read through LDAP and fed through FHIR"
            yield ber.result(number, tag, UNWILLING, text)
            return
        if operation not in {_BIND, _SEARCH, _EXTENDED}:
            yield self._disconnection(f"unknown operation 0x{operation:02x}")
            yield Wish.CLOSE
            return
        try:
            [request] = sansldap.LDAPServer().receive(message.raw)
        except _UNREADABLE:
            tag = {_BIND: _BIND_DONE, _SEARCH: _DONE, _EXTENDED: _EXTENDED_DONE}[operation]
            yield ber.result(number, tag, PROTOCOL_ERROR, "the request cannot be decoded")
            return
        match request:
            case sansldap.BindRequest():
                yield self._bind(request)
            case sansldap.SearchRequest():
                yield from self._search(request)
            case sansldap.ExtendedRequest():
                yield from self._extended(request)

    def _bind(self, request: sansldap.BindRequest) -> bytes:
        number = request.message_id

        def done(code: int, text: str = "") -> bytes:
            return ber.result(number, _BIND_DONE, code, text)

        if request.version != 3:
            return done(PROTOCOL_ERROR, "LDAP version 3 only")
        if not isinstance(request.authentication, sansldap.SimpleCredential):
            return done(AUTH_METHOD, "anonymous simple bind only")
        if request.authentication.password:
            return done(BAD_CREDENTIALS)
        if request.name:
            # RFC 4513 §5.1.2: a name without a password must not pass for an authentication.
            return done(UNWILLING, "unauthenticated bind: bind without a name to read anonymously")
        return done(SUCCESS)

    def _extended(self, request: sansldap.ExtendedRequest) -> Iterator[bytes | Wish]:
        number = request.message_id
        name = ber.octets(START_TLS, 0x8A)
        if request.name == START_TLS:
            if self._tls:
                text = "TLS is on already"
                yield ber.result(number, _EXTENDED_DONE, OPERATIONS_ERROR, text, extra=name)
            elif not self._can_start_tls:
                text = "no certificate here"
                yield ber.result(number, _EXTENDED_DONE, UNAVAILABLE, text, extra=name)
            else:
                yield ber.result(number, _EXTENDED_DONE, SUCCESS, extra=name)
                yield Wish.START_TLS
        elif request.name == WHO_AM_I:
            # An empty authorization identity: anonymous (RFC 4532).
            yield ber.result(number, _EXTENDED_DONE, SUCCESS, extra=ber.octets("", 0x8B))
        else:
            text = f"unknown extended operation {request.name[:80]}"
            yield ber.result(number, _EXTENDED_DONE, PROTOCOL_ERROR, text)

    def _search(self, request: sansldap.SearchRequest) -> Iterator[bytes]:
        number = request.message_id
        paging: sansldap.PagedResultControl | None = None
        for control in request.controls:
            if isinstance(control, sansldap.PagedResultControl):
                paging = control
            elif control.critical:
                text = f"critical control {control.control_type[:80]} is unknown"
                yield ber.result(number, _DONE, CRITICAL, text)
                return
        try:
            wanted = read(request.filter)
        except FilterTooLargeError as error:
            yield ber.result(number, _DONE, ADMIN_LIMIT, str(error))
            return
        except RecursionError:
            yield ber.result(number, _DONE, ADMIN_LIMIT, "the filter is too deep")
            return
        base = request.base_object
        special = self._special(base) if request.scope == BASE else None
        if special is not None:
            if matches(wanted, special) or _asks_presence(wanted):
                yield self._entry(number, special, request)
            yield ber.result(number, _DONE, SUCCESS)
            return
        if not self._backend.exists(base):
            yield ber.result(number, _DONE, NO_SUCH_OBJECT, f"search under {BASE_DN}")
            return
        yield from self._found(request, wanted, paging)

    def _found(
        self,
        request: sansldap.SearchRequest,
        wanted: Filter,
        paging: sansldap.PagedResultControl | None,
    ) -> Iterator[bytes]:
        number = request.message_id
        asked = min(request.size_limit or self._limits.size, self._limits.size)
        start: tuple[int, int] | None = None
        paged = paging is not None and paging.size > 0
        if paging is not None:
            if paging.size < 0:
                yield ber.result(number, _DONE, PROTOCOL_ERROR, "a page of a negative size")
                return
            if paging.size == 0:
                # RFC 2696: the client gives the rest up.
                yield ber.result(number, _DONE, SUCCESS, controls=(self._page_control(b""),))
                return
            if paging.cookie:
                start = self._open(paging.cookie, request)
                if start is None:
                    text = "this cookie does not belong to this search"
                    yield ber.result(number, _DONE, UNWILLING, text)
                    return
            asked = min(asked, paging.size)
        page = self._backend.search(
            request.base_object, int(request.scope), wanted, asked, start=start, paged=paged
        )
        for entry in page.entries:
            yield self._entry(number, entry, request)
        yield self._done(request, page, paged=paged)

    def _done(self, request: sansldap.SearchRequest, page: EntryPage, *, paged: bool) -> bytes:
        number = request.message_id
        if paged:
            cookie = self._seal(page.next, request) if page.next else b""
            return ber.result(number, _DONE, SUCCESS, controls=(self._page_control(cookie),))
        if page.exceeded:
            text = "there is more: ask by pages (RFC 2696)"
            return ber.result(number, _DONE, SIZE_LIMIT, text)
        if page.gave_up:
            text = "no index serves this filter: use equality, a prefix, or three letters in a row"
            return ber.result(number, _DONE, ADMIN_LIMIT, text)
        return ber.result(number, _DONE, SUCCESS)

    @staticmethod
    def _page_control(cookie: bytes) -> bytes:
        value = ber.sequence((ber.integer(0), ber.octets(cookie)))
        return ber.sequence((ber.octets(PAGED), ber.octets(value)))

    def _tag(self, text: bytes, request: sansldap.SearchRequest) -> bytes:
        what = repr((request.base_object, int(request.scope), request.filter)).encode()
        return hmac.new(self._secret, text + what, hashlib.sha256).digest()[:16]

    def _seal(self, place: tuple[int, int], request: sansldap.SearchRequest) -> bytes:
        """Write where the next page begins, sealed for this search alone: no state is kept."""
        text = bytes([place[0]]) + place[1].to_bytes(8, "big")
        return text + self._tag(text, request)

    def _open(self, cookie: bytes, request: sansldap.SearchRequest) -> tuple[int, int] | None:
        text, tag = cookie[:9], cookie[9:]
        if len(cookie) != 25 or not hmac.compare_digest(tag, self._tag(text, request)):
            return None
        return text[0], int.from_bytes(text[1:], "big")

    def _special(self, base: str) -> Entry | None:
        """Return the root DSE or the subschema entry (RFC 4512 §5.1, §4.2)."""
        if base == "":
            extensions = (START_TLS, WHO_AM_I) if self._can_start_tls else (WHO_AM_I,)
            return Entry(
                "",
                (
                    ("objectClass", ("top",)),
                    ("namingContexts", (BASE_DN,)),
                    ("subschemaSubentry", (_SUBSCHEMA,)),
                    ("supportedLDAPVersion", ("3",)),
                    ("supportedControl", (PAGED,)),
                    ("supportedExtension", extensions),
                    ("vendorName", ("mssante-sandbox",)),
                ),
            )
        if base.lower() == _SUBSCHEMA:
            return Entry(
                _SUBSCHEMA,
                (
                    ("objectClass", ("top", "subentry", "subschema")),
                    ("cn", ("Subschema",)),
                    ("attributeTypes", ATTRIBUTE_TYPES),
                    ("objectClasses", OBJECT_CLASSES),
                ),
            )
        return None

    def _entry(self, number: int, entry: Entry, request: sansldap.SearchRequest) -> bytes:
        """Write a SearchResultEntry with the attributes that were asked for."""
        asked = {name.lower() for name in request.attributes}
        everything = not asked or "*" in asked or (entry.dn in {"", _SUBSCHEMA} and "+" in asked)
        parts = []
        for name, values in entry.attributes:
            if everything or name.lower() in asked:
                shown = () if request.types_only else values
                encoded = ber.sequence((ber.octets(value) for value in shown), 0x31)
                parts.append(ber.sequence((ber.octets(name), encoded)))
        body = ber.sequence((ber.octets(entry.dn), ber.sequence(parts)), _ENTRY)
        return ber.sequence((ber.integer(number), body))


def _asks_presence(wanted: Filter) -> bool:
    """Tell whether a filter is (objectClass=*) or its like: how the special entries are read."""
    return getattr(wanted, "attribute", "") == "objectclass" and not hasattr(wanted, "value")
