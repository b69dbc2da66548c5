"""Who may open which mailbox of this operator: the directory's answer to a login name.

Login names that ordinary software can carry, all accepted:

- the mailbox's address: its only holder (PER, CAB, an ORG with one holder);
- `mailbox*holder`: that holder of an ORG mailbox; the separator is the one that Dovecot made usual;
- PLAIN with the mailbox as authzid and the holder as authcid;
- a holder alone: that person's preferred mailbox at this operator.

A holder is a national identifier (`8`+RPPS, ...), a bare RPPS, or the address of a personal
mailbox of hers, at any operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.directory import BoxType, Directory, Mailbox, Person, Structure
from sandbox.operators.auth import refusals
from sandbox.operators.auth.accounts import Accounts
from sandbox.operators.auth.verifier import Account
from sandbox.operators.refusals import LoginRefusal
from sandbox.trust.identity import plain_identifier

__all__ = ["Holdings", "LoginName", "parse_name"]

_NAME = re.compile(r"(?P<mailbox>[^@\s]+@[^@*\s]+)(?:\*(?P<holder>\S+))?")
_HOLDER = re.compile(r"[0-9A-Za-z]{9,15}|[0-9A-Za-z]{10,15}/[0-9A-Za-z._-]{1,40}")
_ADDRESS = re.compile(r"[^@*\s]+@[^@*\s]+")


@dataclass(frozen=True, slots=True)
class LoginName:
    """A login name, split. One of the two may be empty; addresses are lower case.

    Attributes:
        mailbox: address to open.
        holder: national identifier or address of who opens it.
    """

    mailbox: str
    holder: str


def parse_name(text: str) -> LoginName | None:
    """Split a login name; None when it is none."""
    if "@" not in text:
        return LoginName("", text) if _HOLDER.fullmatch(text) else None
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    holder = found["holder"] or ""
    if "@" in holder:
        holder = holder.lower()
    if holder and not (_HOLDER.fullmatch(holder) or _ADDRESS.fullmatch(holder)):
        return None
    return LoginName(found["mailbox"].lower(), holder)


class Holdings:
    """The mailboxes of one operator and their holders.

    Args:
        directory: the space's directory; who is a holder there, and the mailbox's life, count now.
        accounts: what this operator adds (the method held).
        domains: domains that this operator serves, now.
    """

    def __init__(
        self, directory: Directory, accounts: Accounts, domains: Callable[[], frozenset[str]]
    ) -> None:
        self._directory = directory
        self._accounts = accounts
        self._domains = domains

    def login(self, authcid: str, authzid: str = "") -> Account | LoginRefusal:
        """Return whose access to what a login name means; nothing is proved yet."""
        name = parse_name(authcid)
        if name is None:
            return refusals.UNREADABLE_NAME
        mailbox, holder = name.mailbox, name.holder
        target = parse_name(authzid) if authzid else name
        if target != name:  # else named twice, as some software does (RFC 4616 §2)
            if target is None or not target.mailbox or target.holder:
                return refusals.UNREADABLE_NAME
            if not holder and mailbox != target.mailbox:
                holder = mailbox
            mailbox = target.mailbox
        if not holder:
            return self._account(mailbox, None)
        person = self._person(holder)
        if person is None:
            return refusals.UNKNOWN_PERSON
        return self._account(mailbox, person) if mailbox else self._preferred(person)

    def admit(self, identity: str, wanted: str = "") -> Account | LoginRefusal:
        """Return what a person who proved her identity may open; see `verifier.Admit`.

        Args:
            identity: national identifier, as card or token says it.
            wanted: login name; empty, or herself alone, for her own preferred mailbox.
        """
        person = self._directory.person(identity)
        if person is None:
            return refusals.UNKNOWN_PERSON
        if not wanted:
            return self._preferred(person)
        name = parse_name(wanted)
        if name is None:
            return refusals.UNREADABLE_NAME
        if name.holder:
            named = self._person(name.holder)
            if named is None or named.id != person.id:
                return refusals.NOT_A_HOLDER
        return self._account(name.mailbox, person) if name.mailbox else self._preferred(person)

    def served(self, address: str) -> Mailbox | LoginRefusal:
        """Return a living mailbox of this operator."""
        # The domain first: another operator's mailboxes are not this one's to look up.
        if address.rpartition("@")[2].lower() not in self._domains():
            return refusals.OTHER_OPERATOR
        return self._directory.mailbox(address) or refusals.NO_SUCH_MAILBOX

    def structure(self, unit: str) -> Structure | None:
        """Return the structure of an OU: `1`+FINESS, or `3`+SIRET."""
        return self._directory.structure(plain_identifier(unit))

    def applications(self, national_id: str) -> list[Mailbox]:
        """Return the APP mailboxes here of a structure and of those that it is the entity of."""
        domains = self._domains()
        found = self._directory.mailboxes(
            "m.type = 2 AND (s.national_id = ? OR u.national_id = ?)",
            (national_id, national_id),
            order="m.id",
        )
        return [box for box in found if box.domain in domains]

    def _person(self, holder: str) -> Person | None:
        if "@" not in holder:
            return self._directory.person(holder)
        box = self._directory.mailbox(holder)
        return box.person if box is not None else None

    def _preferred(self, person: Person) -> Account | LoginRefusal:
        domains = self._domains()
        boxes = [box for box in self._directory.mailboxes_of(person) if box.domain in domains]
        boxes.sort(key=lambda box: box.type is not BoxType.PER)  # stable: preference within a type
        if not boxes:
            return refusals.NO_MAILBOX_HERE
        return self._complete(boxes[0].address, person)

    def _account(self, mailbox: str, person: Person | None) -> Account | LoginRefusal:
        box = self.served(mailbox)
        if isinstance(box, LoginRefusal):
            return box
        if box.type is BoxType.APP:
            return refusals.APPLICATION_MAILBOX
        holders = self._directory.holders_of(box)
        if person is None:
            if len(holders) != 1:
                return refusals.HOLDER_NOT_NAMED
            person = holders[0]
        elif person.id not in {holder.id for holder in holders}:
            return refusals.NOT_A_HOLDER
        return self._complete(box.address, person)

    def _complete(self, mailbox: str, person: Person) -> Account:
        access = self._accounts.access(mailbox, person.national_id)
        name = f"{person.given_name} {person.surname}"
        if access is None:
            return Account(mailbox=mailbox, identity=person.national_id, name=name)
        return Account(
            mailbox=mailbox,
            identity=person.national_id,
            name=name,
            held=access.held,
        )
