"""Commands as values. Mailbox names are decoded; `name` is the command's word in upper case."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.operators.imap.keys import Key
from sandbox.operators.imap.sequence import SequenceSet

__all__ = [
    "Append",
    "Authenticate",
    "Command",
    "Create",
    "Enable",
    "Expunge",
    "Fetch",
    "FetchItem",
    "Identify",
    "ListMailboxes",
    "Login",
    "OnMailbox",
    "Plain",
    "Rename",
    "Search",
    "SectionItem",
    "Select",
    "Status",
    "Store",
    "Transfer",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A command without arguments: CAPABILITY, NOOP, LOGOUT, STARTTLS, IDLE..."""

    tag: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticate(Plain):
    """AUTHENTICATE; `initial` is the initial response, None when there is none (RFC 4959)."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Plain):
    """LOGIN. Never printed: `repr` hides the secret."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"Login({self.tag!r}, {self.user!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable(Plain):
    """ENABLE (RFC 5161), names in upper case."""

    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identify(Plain):
    """ID (RFC 2971), keys in lower case; values as text."""

    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnMailbox(Plain):
    """DELETE, SUBSCRIBE, UNSUBSCRIBE."""

    mailbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(OnMailbox):
    """SELECT or EXAMINE, with (CONDSTORE) or not."""

    condstore: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(OnMailbox):
    """CREATE; `use` are the attributes of USE (RFC 6154)."""

    use: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(OnMailbox):
    """RENAME."""

    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMailboxes(Plain):
    """LIST or LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9).

    Attributes:
        reference: what patterns start from.
        patterns: as they came, decoded; one empty pattern asks for the delimiter.
        selection: of SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE.
        returned: of SUBSCRIBED, CHILDREN, SPECIAL-USE.
        status: items of RETURN (STATUS (...)).
        extended: selection or return options were given.
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str]
    returned: frozenset[str]
    status: tuple[str, ...]
    extended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(OnMailbox):
    """STATUS."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Append(OnMailbox):
    """APPEND; `at` is seconds since 1970, None for now."""

    flags: tuple[str, ...]
    at: float | None
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Expunge(Plain):
    """EXPUNGE, or UID EXPUNGE with a set."""

    uids: SequenceSet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Plain):
    """SEARCH or UID SEARCH.

    Attributes:
        uid: results are UIDs.
        key: what has to hold.
        returned: options of RETURN (RFC 4731, RFC 5182), None when RETURN was not given.
        by_modseq: a key asks for modification sequences, so the result tells the highest.
        charset: given by the client, empty when not.
    """

    uid: bool
    key: Key
    returned: frozenset[str] | None
    by_modseq: bool
    charset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionItem:
    r"""BODY[...], BINARY[...], BINARY.SIZE[...], and the RFC822 items that stand for some.

    Attributes:
        label: as the response names it, `<origin>` left out.
        path: part numbers.
        kind: empty for the whole, or HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT, MIME.
        fields: names of header fields, lower case.
        partial: first octet and number of octets, None for all.
        peek: does not set `\Seen`.
        form: BODY, BINARY or SIZE.
    """

    label: bytes
    path: tuple[int, ...] = ()
    kind: str = ""
    fields: frozenset[bytes] = frozenset()
    partial: tuple[int, int] | None = None
    peek: bool = False
    form: str = "BODY"


FetchItem = str | SectionItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch(Plain):
    """FETCH or UID FETCH; `changed_since` is a modification sequence (RFC 7162)."""

    uid: bool
    numbers: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Plain):
    """STORE or UID STORE; `action` is `+`, `-` or `=`."""

    uid: bool
    numbers: SequenceSet
    action: str
    silent: bool
    flags: tuple[str, ...]
    unchanged_since: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(OnMailbox):
    """COPY or MOVE, by number or by UID."""

    uid: bool
    numbers: SequenceSet


Command = Plain
