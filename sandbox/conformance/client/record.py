"""What a session with software left behind: step by step, every connection and what was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.conformance.client.dialogue import ObservedLogin, Sent, SoftwareDialogue
from sandbox.conformance.client.dialogue_imap import read_imap
from sandbox.conformance.client.dialogue_smtp import read_smtp
from sandbox.conformance.client.gate import GatedConnection
from sandbox.conformance.client.steps import SoftwareAction, SoftwareProfile, SoftwareStep

__all__ = ["Done", "PlayedAction", "RecordedConnection", "SessionRecord"]

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What the software, or who used it, said of an action.

    Attributes:
        worked: it said that it worked, or that it failed; None where it said nothing.
        skipped: it was not done.
        said: its last words.
    """

    worked: bool | None = None
    skipped: bool = False
    said: tuple[str, ...] = ()


class RecordedConnection:
    """One connection of the software and what was said on it."""

    def __init__(self, wire: GatedConnection) -> None:
        self.wire = wire

    @cached_property
    def dialogue(self) -> SoftwareDialogue:
        """Read when asked for: a big message takes its time."""
        read = read_imap if self.wire.protocol == "imap" else read_smtp
        return read(self.wire.chunks)


@dataclass(frozen=True, slots=True)
class PlayedAction:
    """One action of a step.

    Attributes:
        action: what.
        needs: what the software was given for it.
        done: what it said.
        visits: its connections, oldest first.
        queries: name and type of what it asked our DNS.
    """

    action: SoftwareAction
    needs: Mapping[str, Any]
    done: Done
    visits: tuple[RecordedConnection, ...]
    queries: tuple[tuple[str, str], ...] = ()

    @property
    def logins(self) -> list[tuple[RecordedConnection, ObservedLogin]]:
        """Every attempt to log in by SASL or LOGIN."""
        return [(visit, login) for visit in self.visits for login in visit.dialogue.logins]

    @property
    def messages(self) -> list[tuple[RecordedConnection, Sent]]:
        """Every message that was sent to its end."""
        return [(visit, sent) for visit in self.visits for sent in visit.dialogue.messages]


@dataclass
class SessionRecord:
    """All of a session.

    Attributes:
        profile, method: what was asked for.
        starttls: TLS begins by STARTTLS at the doors.
        secrets: what no report may hold.
        played: by step, its actions; steps that were not asked are not there.
        whole: not interrupted.
        given: what the check put into the world for a step (the message to read, the patient).
    """

    profile: SoftwareProfile
    method: str
    starttls: bool
    secrets: set[str] = field(default_factory=set)
    played: dict[str, list[PlayedAction]] = field(default_factory=dict)
    given: Tree = field(default_factory=dict)
    steps: dict[str, SoftwareStep] = field(default_factory=dict)
    whole: bool = True

    def all(self) -> Iterator[tuple[str, PlayedAction]]:
        """Yield each action with its step."""
        for id_, actions in self.played.items():
            for each in actions:
                yield id_, each
