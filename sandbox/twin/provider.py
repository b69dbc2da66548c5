"""Measures what a provider of CIBA takes for each of its steps: ours, or a foreign one.

A file says where it is and who asks; the people it names answer by themselves, or whoever calls
has them answer. A block has a handful of requests one after the other, then all their polls, and so
on; between two steps the provider comes to rest. Its processor time is that of the processes that
listen at its address, beyond what they spend at rest.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from sandbox.psc.settings import CIBA_GRANT
from sandbox.space.errors import UserError
from sandbox.space.reading import STRICT, read_as, read_toml
from sandbox.twin.calibration import Measured, Taken, machine_of, measured, write_calibration
from sandbox.twin.processes import ProcessorOf

__all__ = ["PROVIDER_STEPS", "CibaProvider", "ProviderCalibration", "calibrate_provider"]

PROVIDER_STEPS = {
    "psc_request": "authentication request of a client: until its auth_req_id",
    "psc_poll": "poll: the person has not answered yet",
    "psc_token": "poll: the person has answered, tokens",
    "psc_introspection": "introspection of the access token",
    "psc_keys": "the keys that tokens are signed with",
}
INPUTS = {
    "psc_request": "backends.psc.authentication", "psc_poll": "backends.psc.poll",
    "psc_token": "backends.psc.token", "psc_introspection": "backends.psc.introspection",
}  # fmt: skip
EACH = 5  # requests of a block
WARM = 2  # blocks that do not count: what is compiled as it runs is slower at first
SETTLE = 0.2
REST_SECONDS = 2.0
PATIENCE = 30.0
INTERVAL = 5.0  # s between two polls where none is given (CIBA Core §7.3)
POLLS = 24  # after which nobody has answered
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CibaProvider:
    """Where a provider is, and who asks there.

    Attributes:
        discovery: URL of its metadata.
        client_id, client_secret: of a client that may ask by CIBA and introspect.
        login_hints: people who can be asked, in turn.
        scope: what is asked for.
        roots: that its certificate is verified by; None: plain HTTP, or the system's.
    """

    __pydantic_config__ = STRICT

    discovery: Text
    client_id: Text
    client_secret: Text = field(repr=False)
    login_hints: Annotated[tuple[Text, ...], Field(min_length=1)]
    scope: Text = "openid"
    roots: Path | None = None

    @classmethod
    def of(cls, path: Path) -> CibaProvider:
        """Read a file: its keys are the attributes, paths in it are beside it.

        Raises:
            UserError: it cannot be read, a key is missing, unknown or of the wrong kind.
        """
        found = read_as(cls, read_toml(path), path)
        return replace(found, roots=found.roots and path.parent / found.roots)


@dataclass(frozen=True, slots=True)
class ProviderCalibration:
    """What was measured of a provider.

    Attributes:
        machine: as of a calibration, and the provider's issuer.
        steps: by name, those of PROVIDER_STEPS that came about.
    """

    machine: Mapping[str, Any]
    steps: Mapping[str, Measured]

    def named(self, version: str) -> ProviderCalibration:
        """Return the same with which software it is."""
        return replace(self, machine={**self.machine, "software": version})

    @property
    def inputs(self) -> dict[str, float]:
        """Inputs of a scenario that follow, by dotted key."""
        return {
            key: max(1e-6, self.steps[name].processor)
            for name, key in INPUTS.items()
            if name in self.steps
        }

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_calibration(path, self.machine, self.steps, PROVIDER_STEPS, self.inputs)


def calibrate_provider(
    provider: CibaProvider, *, blocks: int, warm: int = WARM,
    answer: Callable[[int], None] = lambda _: None,
    show: Callable[[str], None] = lambda _: None,
) -> ProviderCalibration:  # fmt: skip
    """Measure a provider.

    Args:
        provider: which.
        blocks: of each step.
        warm: blocks before them that do not count.
        answer: called once so many requests wait for people and have been polled once.
        show: told of each block.

    Raises:
        UserError: it cannot be reached, or refuses what it is asked.
    """
    verify: Any = True
    if provider.roots is not None:
        try:
            verify = ssl.create_default_context(cafile=str(provider.roots))
        except (OSError, ssl.SSLError):
            raise UserError(
                "certificats illisibles", "certificates cannot be read", where=provider.roots
            ) from None
    with httpx.Client(verify=verify, trust_env=False, timeout=PATIENCE) as client:
        bench = _Bench(provider, client, answer)
        for number in range(-warm, blocks):
            if number == 0:
                bench.watch_rest()  # once it is warm: what it compiles meanwhile is no rest
            show(f"{number + warm + 1}/{blocks + warm}")
            bench.block(counts=number >= 0)
    machine = {**machine_of(), "provider": bench.metadata["issuer"]}
    steps = {
        name: measured(each.processor, each.wall, each.client)
        for name, each in ((name, bench.taken[name]) for name in PROVIDER_STEPS)
        if each.wall
    }
    return ProviderCalibration(machine, steps)


class _Bench:
    """Every step, on one provider."""

    def __init__(
        self, provider: CibaProvider, client: httpx.Client, answer: Callable[[int], None]
    ) -> None:
        self._provider, self._client, self._answer = provider, client, answer
        self.taken: defaultdict[str, Taken] = defaultdict(Taken)
        self.metadata = self._json(self._asked("GET", provider.discovery))
        for key in (
            "issuer", "token_endpoint", "backchannel_authentication_endpoint",
            "introspection_endpoint", "jwks_uri",
        ):  # fmt: skip
            if not isinstance(self.metadata.get(key), str):
                raise UserError(
                    "absent des métadonnées", "not in the metadata",
                    where=f"{provider.discovery}: {key}",
                )  # fmt: skip
        place = urlsplit(self.metadata["token_endpoint"])
        port = place.port or (443 if place.scheme == "https" else 80)
        self._processor = ProcessorOf({(_address(place.hostname or ""), port)})
        self._rest = 0.0
        self._turn = 0

    def watch_rest(self) -> None:
        """Say what the provider spends at rest."""
        begin, start = self._processor.spent(), time.monotonic()
        time.sleep(REST_SECONDS)
        self._rest = (self._processor.spent() - begin) / (time.monotonic() - start)

    def block(self, *, counts: bool) -> None:
        """Ask for some people, poll until they have answered, use the tokens."""
        metadata, provider = self.metadata, self._provider
        asked: list[dict[str, Any]] = []

        def ask(_: int) -> str:
            hint = provider.login_hints[self._turn % len(provider.login_hints)]
            self._turn += 1
            form = {"scope": provider.scope, "login_hint": hint, "binding_message": "42"}
            asked.append(self._json(self._post("backchannel_authentication_endpoint", form)))
            return "psc_request"

        self._each(ask, range(EACH), counts=counts)
        interval = max(float(each.get("interval", INTERVAL)) for each in asked)
        waiting, tokens = [str(each.get("auth_req_id", "")) for each in asked], list[str]()
        for number in range(POLLS):
            time.sleep(interval)
            left: list[str] = []

            def poll(request: str, left: list[str] = left) -> str:
                form = {"grant_type": CIBA_GRANT, "auth_req_id": request}
                found = self._json(self._post("token_endpoint", form, pending=True))
                if "access_token" not in found:
                    left.append(request)
                    return "psc_poll"
                tokens.append(str(found["access_token"]))
                return "psc_token"

            self._each(poll, waiting, counts=counts)
            waiting = left
            if not waiting:
                break
            if number == 0:
                self._answer(len(waiting))
        else:
            raise UserError("personne n'a répondu", "nobody answered", where=metadata["issuer"])

        def introspect(token: str) -> str:
            found = self._json(self._post("introspection_endpoint", {"token": token}))
            if found.get("active") is not True:
                raise UserError(
                    "jeton inconnu", "unknown token", where=metadata["introspection_endpoint"]
                )
            return "psc_introspection"

        def keys(_: int) -> str:
            self._json(self._asked("GET", metadata["jwks_uri"]))
            return "psc_keys"

        self._each(introspect, tokens, counts=counts)
        self._each(keys, range(EACH), counts=counts)

    def _each(self, act: Callable[[Any], str], those: Sequence[Any], *, counts: bool) -> None:
        """Do something for each; it is measured if it turned out to be one step for all."""
        begin, own = self._spent(), time.process_time()
        walls, kinds = list[float](), set[str]()
        for each in those:
            start = time.perf_counter()
            kinds.add(act(each))
            walls.append(time.perf_counter() - start)
        client = time.process_time() - own
        time.sleep(SETTLE)
        spent = self._spent() - begin
        if not counts or len(kinds) != 1:
            return
        taken = self.taken[kinds.pop()]
        taken.wall += walls
        taken.client.append(client / len(walls))
        servers = sum(walls) - client if math.isnan(spent) else spent
        taken.processor.append(servers / len(walls))

    def _spent(self) -> float:
        return self._processor.spent() - self._rest * time.monotonic()

    def _post(
        self, endpoint: str, form: dict[str, str], *, pending: bool = False
    ) -> httpx.Response:
        who = (self._provider.client_id, self._provider.client_secret)
        return self._asked("POST", self.metadata[endpoint], data=form, auth=who, pending=pending)

    def _asked(
        self, method: str, url: str, *, pending: bool = False, **more: Any
    ) -> httpx.Response:
        try:
            reply = self._client.request(method, url, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UserError(
                "injoignable", "cannot be reached", where=url,
                then=f"({str(error) or type(error).__name__})",
            ) from None  # fmt: skip
        if reply.status_code == 200:
            return reply
        why = self._json(reply).get("error", "")
        if pending and why == "authorization_pending":
            return reply
        raise UserError("refusé", "refused", where=url, then=f"({reply.status_code} {why})")

    def _json(self, reply: httpx.Response) -> dict[str, Any]:
        try:
            found = reply.json()
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        raise UserError(
            "réponse illisible", "unreadable answer", where=str(reply.url),
            then=f"({reply.status_code})",
        )  # fmt: skip


def _address(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError:
        return host
