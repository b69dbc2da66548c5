"""The citizens' operator of a live space, on a loop of its own, for whoever asks from a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Self

from sandbox.live.assembly import settings_of
from sandbox.live.folder import SpaceFolder
from sandbox.live.keys import Keys
from sandbox.live.plan import SpacePlan
from sandbox.live.services import ListReader, list_url, server_files
from sandbox.live.starting import STOP_SECONDS, started
from sandbox.live.wire import WireSettings
from sandbox.messages.patients import patient
from sandbox.operators.citizens import CitizensOperator
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.listener import Listener, endpoint_context
from sandbox.serve import Loop, Pool

__all__ = ["Citizens"]

FIRST = 10  # patients 1 to 10 have a profile in a new space
_SECONDS = 30.0


class Citizens:
    """Mon espace santé of a space, while its `with` block lasts.

    Args:
        plan, wire, keys, folder: of the space.
        pool: further bounds on connections, shared by all mail.
        faults: of mail.
        tell: told what goes wrong.
    """

    def __init__(
        self, plan: SpacePlan, wire: WireSettings, keys: Keys, folder: SpaceFolder, *, pool: Pool,
        faults: MailFaults, tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._plan, self._wire, self._keys, self._folder = plan, wire, keys, folder
        self._pool, self._faults, self._tell = pool, faults, tell
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._loop = Loop("citizens")
            stack.callback(self._loop.close)
            self._reader = ListReader(
                list_url(self._plan), self._keys.bundle,
                self._folder.path / "list" / "current-citizens.xml",
                self._keys.ca.is_revoked, self._tell,
            )  # fmt: skip
            self._operator = self._loop.run(self._made())
            started(stack, self._loop, [self._reader, self._operator])
            if not self._operator.profiles():
                people = [patient(1, number) for number in range(1, FIRST + 1)]
                self._loop.run(self._operator.open(people), _SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def _made(self) -> CitizensOperator:
        plan, citizens = self._plan, self._plan.citizens
        context = endpoint_context(
            *server_files(self._keys, f"{citizens.label}/relay"),
            self._keys.bundle.read_text("ascii"),
            client_certificate=citizens.relay.client_certificate,
            tls13=self._wire.tls13, tickets=self._wire.tickets,
        )  # fmt: skip
        relay = Listener(place=citizens.relay, mechanisms=(), context=context)
        return CitizensOperator(
            settings_of(citizens, plan, self._keys, self._folder, relay),
            listed=self._reader.domains,
            revocation=self._wire.operator.access.revocation,
            traffic_months=self._wire.operator.traffic_months,
            faults=self._faults,
            pool=self._pool,
        )

    def profiles(self) -> list[dict[str, Any]]:
        """Return who has, or had, a profile."""
        return self._operator.profiles()

    def open(self, number: int) -> dict[str, Any]:
        """Open the profile of a fictitious patient; return it."""
        identity = patient(1, number)
        self._loop.run(self._operator.open([identity]), _SECONDS)
        return next(each for each in self.profiles() if each["matricule"] == identity.matricule)

    def close(self, matricule: str) -> None:
        """Close a profile.

        Raises:
            UserError: no such citizen.
        """
        self._loop.call(lambda: self._operator.close(matricule), _SECONDS)

    def messages(self, matricule: str) -> list[dict[str, Any]]:
        """Return what a citizen has received.

        Raises:
            UserError: no such citizen.
        """
        return self._loop.call(lambda: self._operator.messages(matricule), _SECONDS)

    def answer(self, matricule: str, to: str, text: str) -> str:
        """Write to who wrote first; return the Message-ID.

        Raises:
            UserError: he may not.
        """
        return self._loop.run(self._operator.answer(matricule, to, text), _SECONDS)

    def flush(self) -> None:
        """Try at once what waits for a relay."""
        self._loop.call(self._operator.runner.flush, _SECONDS)

    def refresh_list(self) -> None:
        """Read the list of domains now."""
        self._loop.run(self._reader.refresh(), STOP_SECONDS)
