"""The designs side by side: what each needs, what moves under it now, what a comparison says."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console.answers import Shown, read_object
from sandbox.console.comparing import Comparing, asked_of
from sandbox.console.cost import Cost, costs
from sandbox.console.operations import Operation
from sandbox.console.replaying import MOST_MINUTES, MOST_SPEED, Replaying, replay_order
from sandbox.console.results import Figures, Results
from sandbox.console.sources import MEASURES, FigureSource, sources
from sandbox.console.traffic import MOST_RATE, Peopled, TrafficMaker, TrafficOrder
from sandbox.console.watch import SpaceWatch
from sandbox.live.plan import SpacePlan
from sandbox.observations.schema import Words
from sandbox.operators.recorder import Seen
from sandbox.space.costs.design import DesignCost, design_cost
from sandbox.space.designs import Design
from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario

__all__ = ["Compared", "DesignColumn", "Designs", "columns"]

_NUMBER = {"type": "number"}


class Compared(Peopled, Protocol):
    """What of a space its designs are; see `LiveSpace`."""

    scenario: Scenario
    source: str
    plan: SpacePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignColumn:
    """One design: what it needs, and what was seen of it since the start.

    Attributes:
        name, label: of the design.
        needs: certificates, records, addresses, openings, URLs to hold, of one operator.
        endpoints: protocol, host, port and methods of each, at the first operator.
        yearly: euros a year, of all operators: low, central, high.
        connections: open now.
        sessions: logged in.
        failures: refused, by cause.
        latency: mean seconds of a login, the person left out; None before the first.
        refused: share of the attempts to log in; None before the first.
    """

    name: str
    label: Words
    needs: tuple[tuple[Words, int], ...]
    endpoints: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    yearly: tuple[float, float, float]
    connections: int
    sessions: int
    failures: tuple[tuple[str, int], ...]
    latency: float | None
    refused: float | None


def columns(
    designs: tuple[Design, ...], costs: dict[str, DesignCost], sheet: dict[str, Any],
    seen: Seen | None,
) -> list[DesignColumn]:  # fmt: skip
    """Return a column for each design. Pure."""
    return [_column(each, costs[each.name], sheet, seen) for each in designs]


def _column(
    design: Design, cost: DesignCost, sheet: dict[str, Any], seen: Seen | None
) -> DesignColumn:
    record = seen.records.get(design.name) if seen else None
    logins = [] if record is None else [d for k, d in record.logins.items() if k[3] == "machine"]
    count = sum(each.count for each in logins)
    failures: dict[str, int] = {}
    for (_, _, cause), number in () if record is None else record.failures.items():
        failures[cause] = failures.get(cause, 0) + number
    lost = sum(failures.values())
    return DesignColumn(
        name=design.name,
        label=Words(design.label, design.english),
        needs=(
            (Words("certificats", "certificates"), cost.certificates),
            (Words("noms DNS", "DNS records"), cost.dns_records),
            (Words("adresses publiques", "public addresses"), cost.public_addresses),
            (Words("ouvertures de pare-feu", "firewall openings"), cost.firewall_openings),
            (Words("adresses à saisir", "places to set"), cost.editor_urls),
        ),
        endpoints=tuple(
            (each["protocol"], each["host"], each["port"], tuple(each["methods"]))
            for each in sheet["operators"][0]["designs"][design.name]
        ),
        yearly=(cost.low.total, cost.central.total, cost.high.total),
        connections=0 if record is None else sum(load.now for load in record.load.values()),
        sessions=count,
        failures=tuple(sorted(failures.items(), key=lambda each: -each[1])),
        latency=sum(each.seconds for each in logins) / count if count else None,
        refused=lost / (count + lost) if count + lost else None,
    )


class Designs:
    """The page of the designs, and its API.

    Args:
        watch: of the space.
        space: whose designs they are.
        results: of the command line.
    """

    def __init__(self, watch: SpaceWatch, space: Compared, results: Results) -> None:
        self._watch, self._space = watch, space
        designs, policy = space.plan.designs, space.plan.policy
        self.costs = {each.name: design_cost(each, space.scenario, policy) for each in designs}
        self._results = results
        self._names = tuple(each.name for each in designs)
        self.comparing = Comparing(space.source, self._names, policy.name, self._compared)
        self.replaying = Replaying(
            space.source, self._names, policy.name, len(space.plan.operators), self._compared
        )
        self.traffic = TrafficMaker(space, space.scenario.policies.session_seconds)
        watch.breakage.changed = self.traffic.forget

    def damage(self) -> list[Cost]:
        """Return what the faults in force cost the traffic, beside what is predicted."""
        places = [each for operator in self._space.plan.operators for each in operator.endpoints]
        rules = self._watch.breakage.rules()
        return costs(rules, places, self._names, self.traffic.tallies())

    def losses(self) -> tuple[str, dict[str, dict[str, float]]]:
        """Return what incidents cost a scenario, person-hours by design, and who says so."""
        last = self._results.last(self._names).get("compare")
        if last is not None:
            losses = {name: dict(each.incidents) for name, each in last.designs.items()}
            return f"{last.about.french} ({last.folder})", losses
        told = (self.comparing.job.said or {}).get("designs", {})
        return self._space.scenario.name, {name: each["incidents"] for name, each in told.items()}

    def _compared(self) -> None:
        self._watch.compared += 1

    def close(self) -> None:
        """End what runs."""
        self.traffic.stop()
        self.comparing.stop()
        self.replaying.stop()

    @property
    def table(self) -> dict[str, Shown]:
        """Who shows what, by address."""
        return {"/designs": self.page}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        return (
            Operation(
                name="designs", method="GET", path="/designs", handler=self._designs,
                words=Words("Les architectures côte à côte, en ce moment.",
                            "The designs side by side, right now."),
            ),
            Operation(
                name="traffic", method="POST", path="/traffic", handler=self._make_traffic,
                body={
                    "rate": {**_NUMBER, "exclusiveMinimum": 0, "maximum": MOST_RATE},
                    "seconds": {**_NUMBER, "exclusiveMinimum": 0, "maximum": 3600},
                    "seed": {"type": "integer"},
                },
                words=Words("Un peu de trafic, le même sous chaque architecture.",
                            "A little traffic, the same under each design."),
            ),
            Operation(
                name="quiet", method="DELETE", path="/traffic", handler=self._end_traffic,
                words=Words("Plus de trafic.", "No more traffic."),
            ),
            Operation(
                name="comparison", method="GET", path="/comparison", handler=self._comparison,
                words=Words("La petite comparaison : où elle en est, ce qu'elle dit.",
                            "The small comparison: where it stands, what it says."),
            ),
            Operation(
                name="compare", method="POST", path="/comparison", handler=self._compare,
                body={
                    "policy": {"type": "string", "description": "Login policy."},
                    "blocked": {**_NUMBER, "minimum": 0, "maximum": 1},
                    "servers": {"type": "integer", "minimum": 1},
                },
                words=Words("Comparer avec d'autres choix, en arrière-plan.",
                            "Compare under other choices, in the background."),
            ),
            Operation(
                name="replayed", method="GET", path="/replay", handler=self._replayed,
                words=Words("Le rejeu : où il en est, ce qu'il a mesuré.",
                            "The replay: where it stands, what it measured."),
            ),
            Operation(
                name="replay", method="POST", path="/replay", handler=self._replay,
                body={
                    "minutes": {**_NUMBER, "minimum": 1, "maximum": MOST_MINUTES},
                    "speed": {**_NUMBER, "minimum": 1, "maximum": MOST_SPEED},
                },
                words=Words("Rejouer les minutes du scénario sur de vraies sockets, sous chaque"
                            " architecture, dans des espaces à part.",
                            "Replay the scenario's minutes on real sockets, under each design, in"
                            " spaces of its own."),
            ),
            Operation(
                name="unreplay", method="DELETE", path="/replay", handler=self._end_replay,
                words=Words("Arrêter le rejeu.", "Stop the replay."),
            ),
            Operation(
                name="sources", method="GET", path="/sources", handler=self._source_list,
                words=Words("Mesuré et simulé ensemble : ce que chaque source dit de chaque"
                            " architecture.",
                            "Measured and simulated together: what each source says of each"
                            " design."),
            ),
        )  # fmt: skip

    async def page(self, _: Request) -> tuple[str, dict[str, Any]]:
        """Show them side by side."""
        await asyncio.to_thread(self._ready)
        found = await asyncio.to_thread(self._columns)
        told = await asyncio.to_thread(self._sources, found)
        return "designs", {
            "columns": found,
            "sources": told,
            "names": self._names,
            "measures": {
                name: words
                for name, words in MEASURES.items()
                if any(getattr(e, name) is not None for s in told for e in s.designs.values())
            },
            "comparison": self.comparing.job,
            "replay": self.replaying.job,
            "most_minutes": MOST_MINUTES,
            "most_speed": MOST_SPEED,
            "traffic": self.traffic.running,
            "policies": self._space.scenario.policies_known,
            "policy": self._space.plan.policy.name,
            "most_rate": MOST_RATE,
        }

    async def _designs(self, _: Request) -> Response:
        found = await asyncio.to_thread(self._columns)
        return JSONResponse({"designs": [asdict(each) for each in found]})

    async def _make_traffic(self, request: Request) -> Response:
        data = await read_object(request)
        for name, value in data.items():
            if name not in ("rate", "seconds", "seed"):
                raise UserError("inconnu, attendu", "unknown, expected", where=name[:40],
                                then="rate, seconds, seed")  # fmt: skip
            whole = isinstance(value, int) or (name != "seed" and isinstance(value, float))
            if isinstance(value, bool) or not whole:
                raise UserError("nombre attendu", "a number is expected", where=name)
        await asyncio.to_thread(self.traffic.start, TrafficOrder(**data))
        return JSONResponse({"running": True})

    async def _end_traffic(self, _: Request) -> Response:
        await asyncio.to_thread(self.traffic.stop)
        return JSONResponse({"running": False})

    async def _comparison(self, _: Request) -> Response:
        return JSONResponse(asdict(self.comparing.job))

    async def _compare(self, request: Request) -> Response:
        asked = asked_of(await read_object(request), self._space.scenario)
        return JSONResponse(asdict(await asyncio.to_thread(self.comparing.compare, asked)))

    async def _replayed(self, _: Request) -> Response:
        return JSONResponse(asdict(self.replaying.job))

    async def _replay(self, request: Request) -> Response:
        order = replay_order(await read_object(request))
        return JSONResponse(asdict(await asyncio.to_thread(self.replaying.replay, order)))

    async def _end_replay(self, _: Request) -> Response:
        await asyncio.to_thread(self.replaying.stop)
        return JSONResponse(asdict(self.replaying.job))

    async def _source_list(self, _: Request) -> Response:
        found = await asyncio.to_thread(lambda: self._sources(self._columns()))
        return JSONResponse({"sources": [asdict(each) for each in found]})

    def _sources(self, found: list[DesignColumn]) -> list[FigureSource]:
        now = {
            each.name: Figures(machine_latency=each.latency, failure_share=each.refused)
            for each in found
        }
        return sources(now, self.replaying.job, self.comparing.job, self._results.last(self._names))

    def _ready(self) -> None:
        self.comparing.ready()
        self.replaying.ready()

    def _columns(self) -> list[DesignColumn]:
        return columns(self._space.plan.designs, self.costs, self._space.sheet, self._watch.seen)
