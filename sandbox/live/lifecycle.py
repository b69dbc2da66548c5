"""The life of domains and mailboxes in a running space: opened, moved, suspended, closed, removed.

Theory of operation. Each change goes through list, DNS, directory and mail stores, in an order that
leaves no message without a home or a notification. A change of several steps is a job, noted before
its first step and after its last; each step may be made again, so that a job which a kill cut short
is made whole at the next start: nothing stays half-removed.

Removal of a domain: it leaves the list, and every operator reads the list. Whatever is in flight
from it or to it then fails at once, and its senders are told, those within the domain too, whose
mailboxes are still there. Then the directory withdraws it with its mailboxes (nobody may log in,
open sessions end), DNS forgets it, and when nothing is in flight any more the mail stores remove
what its mailboxes held.

Move: what is in flight goes first, then directory, list and DNS name the other operator, and mail
follows, folder by folder, each message once whatever interrupts it. Meanwhile the list names both
operators: what the first one holds still is relayed.

An operator leaves: each of its domains moves or is removed, then it listens no more and who is in
is told (BYE, 421), then what it could not relay fails and its senders are told, then its
certificates are revoked and DNS forgets its hosts. Certificates of applications are revoked with
their mailboxes, cards with the departure of their holders.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sandbox.directory import Directory, Feeder, RefusalError
from sandbox.directory.identities import card_holder
from sandbox.live.changes import Change, ChangeLog, move_of, subject_of
from sandbox.live.crew import OperatorCrew
from sandbox.live.crews import Crews
from sandbox.live.domains import SpaceDomains
from sandbox.live.keys import Keys, card
from sandbox.live.plan import SpacePlan
from sandbox.operators.store import StoreError
from sandbox.space.errors import UserError
from sandbox.trust import DomainLedger
from sandbox.trust.zone import ZoneSpec

__all__ = ["LifeCycle"]

DRAIN_SECONDS = 60.0  # that mail in flight may take before a removal gives up, until the next try
MOVE_SECONDS = 10.0  # that a move waits for it: what is left is relayed by the other operator, or
# its sender is told
# Reasons of RFC 5280 §5.3.1 for which the cards of who departs are revoked.
_REVOKED_FOR = {"deceased": "cessation-of-operation", "struck-off": "privilege-withdrawn"}
_LOOK = 0.05  # s between two looks at the queues


class LifeCycle:
    """Changes to the domains and mailboxes of a space. One at a time.

    Args:
        plan: of the space.
        directory: people, structures, mailboxes.
        ledger: the list of domains.
        keys: certificates of the operators.
        crews: who runs the operators.
        log: file of the changes that were begun and done.
        zoned: told the zone whenever it changed.
        ended: told a domain or a mailbox that has gone, or moved.
        gone: told the label of an operator that listens no more.
        tell: told of jobs that are taken up again.

    Attributes:
        changes: those that were begun and done.
        domains: what there is.
    """

    def __init__(
        self, plan: SpacePlan, directory: Directory, ledger: DomainLedger, keys: Keys,
        crews: Crews, log: Path, *, zoned: Callable[[ZoneSpec], None],
        ended: Callable[[], None], tell: Callable[[str], None], gone: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._plan, self._keys, self._crews = plan, keys, crews
        self._ledger, self._directory = ledger, directory
        self._feeder = Feeder(directory, actor="lifecycle")
        self.changes = ChangeLog(log)
        self.domains = SpaceDomains(plan, directory, ledger, keys, self.changes)
        self._zoned, self._ended, self._tell, self._gone = zoned, ended, tell, gone
        self._lock = threading.RLock()

    # Mailboxes and people ------------------------------------------------------------------------

    def close_mailbox(self, address: str) -> None:
        """Close a mailbox: no login, no mail, sessions ended, what it held removed.

        Raises:
            UserError: it is no mailbox of this space.
        """
        with self._lock:
            address = address.lower()
            operator = self.domains.serving(address.rpartition("@")[2])
            if self._directory.mailbox(address) is None:
                raise UserError("aucune BAL de cet espace", "no mailbox of this space",
                                where=address[:120])  # fmt: skip
            self._do({"verb": "close", "address": address, "operator": operator.label})

    def set_holders(self, address: str, identities: Sequence[str]) -> list[str]:
        """Name the holders of an ORG mailbox in place of all before; return their names.

        Raises:
            UserError: no such person, or no such ORG mailbox.
        """
        people = []
        for each in identities:
            person = self._directory.person(each)
            if person is None:
                raise UserError("personne inconnue de l'annuaire",
                                "nobody that the directory knows", where=each[:40])  # fmt: skip
            people.append(person)
        if not people:
            raise UserError("un titulaire au moins", "one holder at least", where=address[:120])
        with self._lock, _explained(address):
            self._feeder.name_holders(address.lower(), people)
        return [f"{each.given_name} {each.surname}" for each in people]

    def note_departure(self, identity: str, reason: str) -> list[str]:
        """Note that a person is deceased or struck off; empty: is back. Return her mailboxes.

        Her cards are revoked first, so that no kill leaves a card of the departed good; who is
        back has others, in the same place.

        Raises:
            UserError: no such person, or another reason.
        """
        if reason and reason not in _REVOKED_FOR:
            raise UserError.expected(f"reason {reason[:40]!r}", _REVOKED_FOR)
        with self._lock:
            person = self._directory.person(identity)
            if person is None:
                raise UserError(
                    "inconnu de l'annuaire ; donner un RPPS (11 chiffres), que montre",
                    "unknown to the directory; give an RPPS (11 digits), as shown by",
                    where=identity[:40], then="mss-sandbox directory search",
                )  # fmt: skip
            if reason:
                self._keys.revoke([f"*/people/{person.national_id}/*"], _REVOKED_FOR[reason])
            held = [each.address for each in self._feeder.note_departure(identity, reason)]
            if not reason:
                paths = self._keys.revoked_cards(person.national_id)
                self._keys.renew([card(path, card_holder(person)) for path in paths])
            return held

    # Domains -------------------------------------------------------------------------------------

    def add_domain(self, domain: str, operator: str) -> None:
        """Bring a domain into force: directory and DNS. It is not on the list for that.

        Raises:
            UserError: not a name of this space, no such operator, or another's.
        """
        name, there = self.domains.name_of(domain), self.domains.named(operator)
        with self._lock, _explained(name):
            self._feeder.add_domain(name, there.label)
            self._zoned(self.domains.zone())
            # A mailbox may be opened in it at once.
            self._crews.of(there.label).offer(OperatorCrew.follow)

    def enlist(self, domain: str) -> bool:
        """Put a domain in force on the list, with its operator's certificate; tell if it was not.

        Raises:
            UserError: it is not in force.
        """
        name = self.domains.name_of(domain)
        with self._lock:
            operator = self.domains.serving(name)
            if not self.domains.in_force(name):
                raise UserError("pas en vigueur ; l'ouvrir avec", "not in force; open it with",
                                where=name, then="mss-sandbox domain add")  # fmt: skip
            if self.domains.listed(name):
                return False
            self._ledger.add(
                name, [self.domains.certificate(operator)], datetime.now(UTC),
                description=operator.organisation.name,
                responsible=f"responsable@{name}", support=f"support@{name}",
            )  # fmt: skip
            self._crews.refresh_list()
            return True

    def suspend(self, domain: str) -> bool:
        """Take a domain off the list; its mailboxes stay, to be read. Tell whether it was there.

        Raises:
            UserError: no such domain.
        """
        name = self.domains.name_of(domain)
        with self._lock:
            self.domains.serving(name)
            if not self.domains.listed(name):
                return False
            self._delist(name)
            self._crews.flush()
            return True

    def remove_domain(self, domain: str) -> None:
        """Remove a domain with its mailboxes; see the top of this module.

        Raises:
            UserError: no such domain, or mail in flight does not end: the job is taken up again.
        """
        name = self.domains.name_of(domain)
        with self._lock:
            self._finish(name)
            operator = self.domains.serving(name)
            self._do({"verb": "remove", "domain": name, "operator": operator.label})

    def move_domain(self, domain: str, to: str) -> None:
        """Give a domain to another operator, mail and all.

        Raises:
            UserError: no such domain in force, no such operator, or it has it already.
        """
        name, target = self.domains.name_of(domain), self.domains.named(to)
        with self._lock:
            finished = self._finish(name)
            operator = self.domains.serving(name)
            if finished and operator.label == target.label:
                return
            if not self.domains.in_force(name) or operator.label == target.label:
                raise UserError("rien à déplacer", "nothing to move", where=f"{name}: {to}")
            self._do(move_of(name, operator.label, target.label))

    def leave(self, operator: str, to: str = "") -> None:
        """Have an operator leave the space; see the top of this module.

        Args:
            operator: who leaves.
            to: the operator that takes its domains; empty: they are removed with their mailboxes.

        Raises:
            UserError: no such operator, it has left already, `to` is itself, or mail in flight does
                not end: the job is taken up again.
        """
        begun = [each for each in self.changes.unfinished()
                 if each["verb"] == "leave" and each["operator"] == operator]  # fmt: skip
        here = self.domains.named(operator, left=bool(begun))
        if to and self.domains.named(to).label == here.label:
            raise UserError("un autre opérateur", "another operator", where=f"--to {to[:60]}")
        with self._lock:
            if begun:
                self._work(begun[0])
            else:
                self._do({"verb": "leave", "operator": here.label, "to": to})

    # Jobs ----------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Make whole what a kill cut short."""
        with self._lock:
            for job in self.changes.unfinished():
                if job not in self.changes.unfinished():  # part of another, and done with it
                    continue
                self._tell(f"reprise / taken up again: {job['verb']} {subject_of(job)}")
                self._work(job)
            for label in self.changes.left():
                self._gone(label)

    def _finish(self, domain: str) -> bool:
        """End what was begun of a domain and failed halfway, before anything else is; tell if so.

        Else the next start would take it up after what came later, and undo that.
        """
        begun = [each for each in self.changes.unfinished() if each.get("domain") == domain]
        for job in begun:
            self._work(job)
        return bool(begun)

    def _do(self, job: Change) -> None:
        self._work(self.changes.begun(job))

    def _work(self, job: Change) -> None:
        work = {
            "remove": self._remove, "move": self._move, "close": self._close, "leave": self._leave,
        }[job["verb"]]  # fmt: skip
        try:
            work(job)
        except StoreError as error:
            raise UserError.because(
                "le magasin refuse ; la même commande reprend où elle en était",
                "the store refuses; the same command goes on where it was", subject_of(job), error,
            ) from None  # fmt: skip
        self.changes.done(job)
        self._ended()

    def _remove(self, job: Change) -> None:
        name = job["domain"]
        if self.domains.listed(name):
            self._delist(name)
        self._crews.refresh_list()
        self._ended_in_flight(name)
        if self.domains.in_force(name):
            with _explained(name):
                self._feeder.remove_domain(name)
        self._zoned(self.domains.zone())
        crew = self._crews.of(job["operator"])
        self._ended_in_flight(name)
        self._keys.revoke([f"*/applications/*@{name}"])
        crew.do(OperatorCrew.remove, job["operator"], f"@{name}")

    def _move(self, job: Change) -> None:
        name, source, target = job["domain"], job["operator"], job["to"]
        owner = self.domains.operator_of(name)
        if owner is not None and owner.label == source:
            self._drained(name, MOVE_SECONDS)
            with _explained(name):
                self._feeder.move_domain(name, target)
        # The directory names the other operator: from here on a kill leads to the end of the move.
        self._name_relays(name, target, source)
        self._zoned(self.domains.zone())
        self._crews.follow()
        self._crews.refresh_list()
        old, new = self._crews.of(source), self._crews.of(target)
        for address in old.do(OperatorCrew.addresses, source, name):
            packed = old.do(OperatorCrew.pack, source, address)
            new.do(OperatorCrew.unpack, target, address, packed)
            old.do(OperatorCrew.remove, source, address)
        self._drained(name, MOVE_SECONDS)
        if source not in self.changes.leavers():  # else both relays, until it has told whom it must
            self._name_relays(name, target)

    def _leave(self, job: Change) -> None:
        label, to = job["operator"], job["to"]
        for part in self.changes.unfinished():
            if label in (part["operator"], part.get("to")) and part["verb"] in {"move", "remove"}:
                self._work(part)
        for each in self._directory.domains():
            if each.operator != label or each.removed:
                continue
            self._do(move_of(each.name, label, to) if to else
                     {"verb": "remove", "domain": each.name, "operator": label})  # fmt: skip
        crew = self._crews.of(label)
        crew.do(OperatorCrew.dismiss, label)
        crew.do(OperatorCrew.leave, label)
        crew.offer(OperatorCrew.flush)
        if _ended(lambda: crew.do(OperatorCrew.queued, label), DRAIN_SECONDS):
            raise UserError("son courrier n'est pas encore tout parti ; recommencer plus tard",
                            "not all of its mail has left yet; try again later",
                            where=label)  # fmt: skip
        for moved in self.changes.moves_from(label):
            self._name_relays(moved["domain"], moved["to"])
        plan = next(each for each in self._plan.operators if each.label == label)
        self._keys.revoke([f"{label}/relay", *(each.path for each in plan.certificates)])
        self._zoned(self.domains.zone())
        self._gone(label)

    def _close(self, job: Change) -> None:
        with _explained(job["address"]):
            if self._directory.mailbox(job["address"]) is not None:
                self._feeder.delete(job["address"])
        self._keys.revoke([f"*/applications/{job['address']}"])
        self._crews.of(job["operator"]).do(OperatorCrew.remove, job["operator"], job["address"])

    # Steps ---------------------------------------------------------------------------------------

    def _delist(self, name: str) -> None:
        self._ledger.remove(name, datetime.now(UTC))
        self._crews.refresh_list()

    def _drained(self, name: str, seconds: float = DRAIN_SECONDS) -> int:
        """Wait until nothing is in flight from a domain or to it; return what is still then."""
        self._crews.flush()
        return _ended(
            lambda: sum(crew.do(OperatorCrew.in_flight, name) for crew in self._crews), seconds
        )

    def _name_relays(self, name: str, *operators: str) -> None:
        """Have the list name the relays of these operators for a domain that is on it."""
        wanted = [
            self.domains.certificate(self.domains.named(each, left=True)) for each in operators
        ]
        listed = self._ledger.at(datetime.now(UTC))
        now = {each.certificate.key for each in listed.entries if each.domain == name}
        if now and now != {each.key for each in wanted}:
            self._ledger.migrate(name, wanted, datetime.now(UTC))
            self._crews.refresh_list()

    def _ended_in_flight(self, name: str) -> None:
        """Wait until nothing is in flight from a domain or to it.

        Raises:
            UserError: something is still, after all the time that it may take.
        """
        if left := self._drained(name):
            raise UserError(
                f"{left} envois restent en route ; recommencer plus tard",
                f"{left} deliveries are still under way; try again later", where=name,
            )  # fmt: skip


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say a refusal of the directory as a user's error about something."""
    try:
        yield
    except RefusalError as error:
        raise UserError.because(
            "refusé par l'annuaire", "refused by the directory", where[:120], error
        ) from None


def _ended(waiting: Callable[[], int], seconds: float) -> int:
    """Wait until no delivery waits in stores that other processes may have; return what does."""
    end = time.monotonic() + seconds
    while (left := waiting()) and time.monotonic() < end:
        time.sleep(_LOOK)
    return left
