"""What a check of software works with: the record of the session, and what it shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.conformance.client.dialogue import Sent
from sandbox.conformance.client.record import PlayedAction, RecordedConnection, SessionRecord
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.connection import Transcript
from sandbox.conformance.findings import NotHere, Unsure

__all__ = ["CHECKS", "Look", "SoftwareCheck", "check"]

_TAIL = 12  # lines of a connection that are shown


class Look:
    """The record as one check looks at it.

    Attributes:
        record: of the session.
        transcript: what is shown as evidence, secrets masked.
    """

    def __init__(self, record: SessionRecord) -> None:
        self.record = record
        self.transcript = Transcript()
        self.transcript.hide(record.secrets)

    def actions(self, id_: str) -> list[PlayedAction]:
        """Return the actions of a step that were done.

        Raises:
            NotHere: it is not asked of this software.
            Unsure: it was not done.
        """
        actions = self.record.played.get(id_)
        if actions is None:
            raise NotHere(
                f"l'étape « {id_} » n'est pas demandée à ce logiciel",
                f'step "{id_}" is not asked of this software',
            )
        done = [each for each in actions if not each.done.skipped]
        if not done:
            raise Unsure(f"étape « {id_} » passée", f'step "{id_}" was skipped')
        return done

    def step(self, id_: str) -> list[PlayedAction]:
        """Return the actions of a step that were done; the software connected in each.

        Raises:
            NotHere, Unsure: as `actions`; or it did not come.
        """
        done = self.actions(id_)
        for each in done:
            if not each.visits:
                self.says(each)
                raise Unsure(
                    f"étape « {id_} » ({each.action}) : le logiciel ne s'est pas connecté",
                    f'step "{id_}" ({each.action}): the software did not connect',
                )
        return done

    def says(self, *actions: PlayedAction) -> None:
        """Show what the software, or its script, said last."""
        for each in actions:
            for line in each.done.said:
                self.transcript.note("#", f"{each.action.value}: {line}")

    def shows(self, visit: RecordedConnection, *more: str, begin: bool = False) -> None:
        """Show the end of a connection, or its beginning, and lines that say what of it."""
        wire = visit.wire
        self.transcript.note("#", f"{wire.protocol} {wire.failed or wire.tls}")
        lines = visit.dialogue.lines
        for who, line in lines[:_TAIL] if begin else lines[-_TAIL:]:
            self.transcript.note(who, line)
        for line in more:
            self.transcript.note("#", line)

    def visits(self) -> Iterator[tuple[str, RecordedConnection]]:
        """Yield all connections of all steps."""
        for id_, played in self.record.all():
            for visit in played.visits:
                yield id_, visit

    def sent(self, id_: str) -> tuple[RecordedConnection, Sent]:
        """Return the message of a step: the last that was sent to its end.

        Raises:
            Unsure: there is none.
        """
        found = [each for action in self.step(id_) for each in action.messages]
        if not found:
            self.says(*self.step(id_))
            for action in self.step(id_):
                self.shows(action.visits[-1])
            raise Unsure(
                f"étape « {id_} » : aucun message n'a été envoyé jusqu'au bout",
                f'step "{id_}": no message was sent to its end',
            )
        return found[-1]


Run = Callable[[Look], None]


@dataclass(frozen=True, slots=True)
class SoftwareCheck:
    """The check of a requirement of software.

    Attributes:
        id: of the requirement.
        steps: that it looks at.
        profiles, methods: that it is asked of; all where empty.
        run: looks; raises what it found.
    """

    id: str
    steps: tuple[str, ...]
    profiles: tuple[SoftwareProfile, ...]
    methods: tuple[str, ...]
    run: Run

    def asked(self, record: SessionRecord) -> None:
        """Raise `NotHere` where it asks nothing of this software."""
        if self.profiles and record.profile not in self.profiles:
            raise NotHere(
                f"ne concerne pas le profil {record.profile}",
                f"does not concern profile {record.profile}",
            )
        if self.methods and record.method not in self.methods:
            raise NotHere(
                f"ne concerne pas la méthode {record.method}",
                f"does not concern method {record.method}",
            )


CHECKS: dict[str, SoftwareCheck] = {}


def check(
    id_: str, *steps: str, profiles: tuple[SoftwareProfile, ...] = (), methods: tuple[str, ...] = ()
) -> Callable[[Run], Run]:
    """Make a function the check of a requirement, by what the named steps left."""

    def register(run: Run) -> Run:
        assert id_ not in CHECKS, id_
        CHECKS[id_] = SoftwareCheck(id_, steps, profiles, methods, run)
        return run

    return register
