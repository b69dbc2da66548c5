"""What the tests of telephone and token logins share: a provider on a clock that only they move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sandbox.operators.auth.psc_client import PscClient, Registration, Timing
from sandbox.operators.model import Channel, SaslName
from sandbox.psc import Behaviour, Clock, FaultRule, ProviderOptions, Running, running
from sandbox.psc.people import BUILT_IN
from sandbox.serve import client_context
from sandbox.space.methods import Method

START = 1_800_000_000.0
DOCTOR = "899700000018"
PHARMACIST = "899700000026"
SECRETARY = "500000001815646/CPAT00045"
BLOCKED = "899700000059"
SECRET = "sandbox-secret-that-is-public-0123456789"
APPROVES = Behaviour(kind="approve", delay=8.0)
T = TypeVar("T")


def run(body: Coroutine[Any, Any, T]) -> T:
    """Run to the end, and require that no task is left behind."""

    async def watched() -> T:
        async with asyncio.timeout(60):
            result = await body
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left behind: {left}"
        return result

    return asyncio.run(watched())


@contextmanager
def frozen_provider(profile: str = "psc", **changes: Any) -> Iterator[Running]:
    options = changes.pop("options", ProviderOptions(behaviour=APPROVES))
    with running(profile, clock=Clock(START), options=options, **changes) as psc:
        yield psc


def reset(psc: Running) -> None:
    """Make a provider as new for the next test: faults, behaviours, and what was pending."""
    psc.provider.faults.replace(())
    psc.provider.devices.behaviours.clear()
    psc.provider.devices.behaviour = APPROVES
    psc.provider.devices.reachable = True
    psc.advance(10_000)


def faulty(psc: Running, fault: str, **members: Any) -> None:
    psc.provider.faults.replace((FaultRule(fault=fault, **members),))


def virtual(psc: Running) -> Timing:
    """A wait moves the provider's clock: minutes pass in milliseconds."""

    async def sleep(seconds: float) -> None:
        psc.advance(seconds)
        await asyncio.sleep(0)

    return Timing(psc.provider.now, psc.provider.now, sleep)


class Held:
    """A timing in which a wait ends when the test says so."""

    def __init__(self, psc: Running) -> None:
        self.waits = 0
        self._psc = psc
        self._gate = asyncio.Semaphore(0)
        self.timing = Timing(psc.provider.now, psc.provider.now, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits += 1
        await self._gate.acquire()
        self._psc.advance(seconds)

    def step(self) -> None:
        self._gate.release()


def registration(psc: Running, **changes: Any) -> Registration:
    values = {"client_id": "operator-proxy", "client_secret": SECRET, **changes}
    return Registration(issuer=psc.issuer, **values)


@asynccontextmanager
async def client_of(
    psc: Running, timing: Timing | None = None, *, timeout: float = 10.0, **changes: Any
) -> AsyncIterator[PscClient]:
    trust = client_context(Path(psc.files.ca))
    async with PscClient(
        registration(psc, **changes), trust, timeout=timeout, timing=timing or virtual(psc)
    ) as client:
        yield client


def channel(client: str = "127.0.0.9", **changes: Any) -> Channel:
    values: dict[str, Any] = {
        "operator": "op1", "design": "multi-endpoint", "endpoint": "ecps.imap",
        "host": "frontimap.ciba.op1.mssante.test", "port": 10_993, "protocol": "imap",
        "methods": (Method.ECPS,), "mechanisms": (SaslName.PLAIN, SaslName.XOAUTH2),
        "client": client, "tls": "TLSv1.3", **changes,
    }  # fmt: skip
    return Channel(**values)


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until something is so; `run` bounds the wait."""
    while not condition():
        await asyncio.sleep(0.001)


def polls(psc: Running, national_id: str = DOCTOR) -> int:
    """How many polls the provider has seen for a person's newest request."""
    return psc.provider.requests.of(national_id)[0].polls


PEOPLE = {person.national_id: person for person in BUILT_IN}
