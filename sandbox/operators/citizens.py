"""The citizens' operator (Mon espace santé): profiles that open and close, mail that is bounced.

Exempt from the editors' interface: no IMAP, no submission; a citizen reads and answers in the
service itself, here `messages` and `answer`. Toward other operators it is one like any other: its
domain is on the list, its relay has its certificate.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from sandbox.messages.citizens import Bounce, CitizenProfile, bounce_for, writers
from sandbox.messages.compose import Draft, compose
from sandbox.messages.facts import facts_of_fields, header_fields, subject_of
from sandbox.messages.ins import PatientIdentity, matricule_of_address
from sandbox.messages.patients import is_minor
from sandbox.operators.auth.revocation import RevocationPolicy
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.listener import MAIL_LIMITS
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.mail_host import MailHost, OperatorSettings
from sandbox.operators.post import PostOffice
from sandbox.serve import Pool
from sandbox.space.errors import UserError
from sandbox.trust import DomainList

__all__ = ["CitizensOperator"]

Tree = dict[str, Any]
_NIL = "MES-SANDBOX"  # ours: no product reference of the real service was found


@dataclass(frozen=True, slots=True)
class _Citizen:
    state: CitizenProfile
    name: str
    born: str
    minor: bool


class CitizensOperator(MailHost):
    """One a space.

    Args:
        settings: what it is; it has no listeners but the relay.
        listed: the list of domains in force.
        revocation: how certificates are asked about.
        traffic_months: before the running one, for which indicators can be counted.
        faults: misbehaviours that were asked for.
        pool: further bounds on connections.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        listed: Callable[[], DomainList],
        revocation: RevocationPolicy,
        traffic_months: int,
        faults: MailFaults,
        pool: Pool | None = None,
    ) -> None:
        super().__init__(
            settings,
            listed=listed,
            revocation=revocation,
            traffic_months=traffic_months,
            faults=faults,
            observer=None,
            pool=pool,
        )
        self._file = settings.folder / "profiles.json"
        self._citizens = _read(self._file)

    async def start(self) -> None:
        """Open the store, then listen and relay.

        Raises:
            OSError: an address or port cannot be had.
        """
        settings = self.settings
        await self._open_store()
        await self.store.provision(
            [f"postmaster@{self.domain}", *(self._address(each) for each in self._citizens)]
        )
        self._post = PostOffice(
            self.store,
            operator=settings.label,
            domains=settings.domains,
            host=settings.relay.place.host,
            journal=self.journal,
            bounce=self._bounce,
        )
        relay = await self._start_relay(self._post)
        await self._listen([settings.relay], relay.protocol, MAIL_LIMITS)

    @property
    def domain(self) -> str:
        """The citizens' domain."""
        return min(self.settings.domains)

    # Profiles ------------------------------------------------------------------------------------

    def profiles(self) -> list[Tree]:
        """Return every citizen that has, or had, a profile."""
        return [
            {"matricule": matricule, "address": self._address(matricule),
             "state": str(each.state), "name": each.name, "born": each.born, "minor": each.minor}
            for matricule, each in sorted(self._citizens.items())
        ]  # fmt: skip

    async def open(self, citizens: Iterable[PatientIdentity]) -> None:
        """Open profiles; one that was closed opens again, with what its mailbox held."""
        found = dict(self._citizens)
        today = datetime.now(UTC).date()
        for each in citizens:
            found[each.matricule] = _Citizen(
                CitizenProfile.OPEN,
                f"{each.first_name} {each.birth_name}",
                f"{each.birth_date or ''}",
                is_minor(each, today),
            )
        await self.store.provision([self._address(each) for each in found])
        self._keep(found)

    def close(self, matricule: str) -> None:
        """Close a profile: what comes from now on bounces.

        Raises:
            UserError: no such citizen.
        """
        citizen = self._citizen(matricule)
        closed = _Citizen(CitizenProfile.CLOSED, citizen.name, citizen.born, citizen.minor)
        self._keep({**self._citizens, matricule: closed})

    def _keep(self, citizens: dict[str, _Citizen]) -> None:
        """Write the profiles: all of them, or none of the change."""
        aside = self._file.with_suffix(".new")
        tree = {
            key: [str(each.state), each.name, each.born, each.minor]
            for key, each in citizens.items()
        }
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC  # names of people: its owner's only
        with os.fdopen(os.open(aside, mode, 0o600), "w", encoding="utf-8") as file:
            json.dump(tree, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._file)
        self._citizens = citizens

    def _citizen(self, matricule: str) -> _Citizen:
        found = self._citizens.get(matricule)
        if found is None:
            raise UserError(
                "aucun usager de ce matricule", "no citizen of this matricule", where=matricule[:40]
            )
        return found

    def _address(self, matricule: str) -> str:
        return f"{matricule}@{self.domain}".lower()

    def _bounce(self, address: str, size: int) -> Bounce | None:
        if address.partition("@")[0] == "postmaster":
            return None
        citizen = self._citizens.get(matricule_of_address(address))
        return bounce_for(address, size, citizen.state if citizen else CitizenProfile.NONE)

    # What a citizen does -------------------------------------------------------------------------

    def messages(self, matricule: str) -> list[Tree]:
        """Return what a citizen has received, the oldest first, and whom he may answer.

        Raises:
            UserError: no such citizen.
        """
        self._citizen(matricule)
        contents = self._contents(matricule)
        allowed = set(writers(contents))
        return [
            {**_row(fields), "may_answer": bool(allowed & _answered(fields))}
            for fields in map(header_fields, contents)
        ]

    async def answer(self, matricule: str, to: str, text: str) -> str:
        """Write to a professional who wrote first; return the Message-ID.

        Raises:
            UserError: no such citizen, a closed profile, or nobody who may be answered.
        """
        if self._citizen(matricule).state is not CitizenProfile.OPEN:
            raise UserError("profil fermé", "the profile is closed", where=matricule)
        contents = self._contents(matricule)
        allowed = writers(contents)
        if to.lower() not in allowed:
            raise UserError.among(
                "n'a pas écrit à cet usager, ou a mis fin à l'échange",
                "has not written to this citizen, or has ended the exchange",
                to[:80],
                ", ".join(allowed) or "-",
            )
        address = self._address(matricule)
        before = next(
            each for each in map(header_fields, reversed(contents)) if to.lower() in _answered(each)
        )
        content = compose(
            Draft(
                sender=address, recipients=(to.lower(),), text=text, nil=_NIL,
                message_id=f"<{secrets.token_hex(12)}@{self.domain}>",
                at=datetime.now(UTC).replace(microsecond=0), boundary="",
                subject=f"Re: {subject_of(before)}",
                references=(str(before.get("Message-ID", "")),),
            )
        )  # fmt: skip
        envelope = Envelope(
            reverse_path=address, recipients=(Recipient(address=to.lower()),),
            body="7BIT" if content.isascii() else "8BITMIME",
        )  # fmt: skip
        queue_id = await self.store.accept(
            envelope, content, local=[], remote=list(envelope.recipients), submitted=True
        )
        message_id = facts_of_fields(header_fields(content)).message_id
        self.journal.note(
            "accepted", queue_id=queue_id, mailbox=address, reverse_path=address,
            recipients=[to.lower()], size=len(content), message_id=message_id,
        )  # fmt: skip
        return message_id

    def _contents(self, matricule: str) -> list[bytes]:
        inbox = self.store.folder(self._address(matricule), "INBOX")
        assert inbox is not None
        return [self.store.content(row.message) for row in self.store.rows(inbox.id)]


def _row(fields: Message[str, str]) -> Tree:
    facts = facts_of_fields(fields)
    return {
        "message_id": facts.message_id, "from": str(fields.get("From", "")),
        "subject": subject_of(fields), "documents": list(facts.codes), "end": facts.end,
    }  # fmt: skip


def _answered(fields: Message[str, str]) -> set[str]:
    """Return the mailbox that an answer to a message goes to: its Reply-To, else its author."""
    named = getaddresses(fields.get_all("Reply-To") or fields.get_all("From") or [])
    return {address.lower() for _, address in named[:1]}


def _read(path: Path) -> dict[str, _Citizen]:
    if not path.exists():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: _Citizen(CitizenProfile(state), name, born, minor)
            for key, (state, name, born, minor) in tree.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError.because(
            "profils illisibles ; recommencer avec --reset",
            "profiles that cannot be read; start again with --reset",
            path,
            error,
        ) from None
