"""The schema of a scenario: what a user may write, with what is allowed.

No default stands here: each comes from `data/inputs.csv`, at the same dotted key.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from sandbox.space.designs import BUILT_IN, Design, Endpoint
from sandbox.space.errors import BadValueError, UserError
from sandbox.space.login_policies import BUILT_IN_POLICIES, LoginPolicy
from sandbox.space.methods import Mechanism, Method
from sandbox.space.sections.base import ROUNDING, Name, NotNegative, Section, Whole
from sandbox.space.sections.money import Costs, Migration, Plan
from sandbox.space.sections.people import (
    Kind,
    Mailboxes,
    Methods,
    Period,
    Population,
    Product,
    Software,
    Traffic,
)
from sandbox.space.sections.policies import Policies
from sandbox.space.sections.servers import (
    Backends,
    Incidents,
    Network,
    Outage,
    Processor,
    Relay,
    Resources,
    ServiceLevel,
)

__all__ = ["EndpointTable", "Scenario", "SweepTable"]


class EndpointTable(Section):
    """One listener of a design that the scenario describes."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]*$")]
    protocol: Literal["imap", "smtp"]
    methods: Annotated[tuple[Method, ...], Field(min_length=1)]
    host: Annotated[str, Field(pattern=r"^[a-z0-9.{}_-]+$")]
    address: str
    port: Annotated[int, Field(ge=1, le=65535)]
    certificate: str
    tls: Literal["implicit", "starttls"]
    client_certificate: Literal["none", "optional", "required"]


class DesignTable(Section):
    """A design that the scenario describes, beside the built-in ones."""

    label: str
    english: str
    endpoints: Annotated[tuple[EndpointTable, ...], Field(min_length=1)]
    discovery: Literal["srv", "urls"]
    shared_front: bool


class LoginPolicyTable(Section):
    """A login policy that the scenario describes: by protocol and method, preferred first."""

    label: str
    english: str
    imap: dict[Method, tuple[Mechanism, ...]]
    smtp: dict[Method, tuple[Mechanism, ...]]


class SweepTable(Section):
    """One input that the comparison repeats over several values."""

    key: str
    values: Annotated[tuple[float, ...], Field(min_length=2, max_length=20)]
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def one_label_each(self) -> Self:
        """Labels are optional, but then there is one for each value."""
        if self.labels and len(self.labels) != len(self.values):
            raise BadValueError(
                "il faut autant de labels que de values", "labels must be as many as values"
            )
        return self


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise BadValueError("plage renversée ; il faut [bas, haut]",
                            "range is reversed; needed: [low, high]")  # fmt: skip
    return span


Span = Annotated[tuple[float, float], AfterValidator(_ordered)]


class CalibrationTable(Section):
    """Inputs that were measured on a machine, by dotted key; a file names the file that has them.

    What a scenario gives itself counts more.
    """

    machine: str
    inputs: dict[str, float]


class OperatorFit(Section):
    """An operator whose mailboxes of one population are known: its weight follows."""

    operator: str
    population: Name
    mailboxes: NotNegative


Weights = Annotated[tuple[NotNegative, ...], Field(min_length=1, max_length=2000)]


class Operators(Section):
    """Which operator holds whose mailboxes: weights, for all populations alike or one by one."""

    # Which of the two is meant is plain: faults are then said of it alone, not of both.
    mailboxes: Annotated[
        Annotated[Weights, Tag("function-list")]
        | Annotated[dict[Name, Weights], Tag("function-table")],
        Discriminator(lambda given: f"function-{'table' if isinstance(given, dict) else 'list'}"),
    ]
    applications: dict[Name, Weights] = Field(
        default_factory=dict
    )  # where a population's robots are, if elsewhere
    certificates: tuple[Whole, ...] = ()
    names: tuple[str, ...] = ()
    fit: tuple[OperatorFit, ...] = ()

    @property
    def count(self) -> int:
        """How many operators."""
        if isinstance(self.mailboxes, dict):
            return len(next(iter(self.mailboxes.values())))
        return len(self.mailboxes)

    @model_validator(mode="after")
    def somebody_has_mailboxes(self) -> Self:
        """Refuse a space without mailboxes, or lists of different lengths."""
        by_population = self.mailboxes if isinstance(self.mailboxes, dict) else {"": self.mailboxes}
        if not by_population:
            raise BadValueError(
                "poids d'aucune population ; donner au moins une liste",
                "weights of no population; give one list at least",
                where="mailboxes",
            )
        named = {f"mailboxes.{name}".rstrip("."): value for name, value in by_population.items()}
        named |= {f"applications.{name}": value for name, value in self.applications.items()}
        for field, weights in named.items():
            if sum(weights) <= 0:
                raise BadValueError(
                    "un opérateur au moins doit en avoir",
                    "at least one operator must have some",
                    where=field,
                )
        for field, values in (
            named | {"certificates": self.certificates, "names": self.names}
        ).items():
            if values and len(values) != self.count:
                raise BadValueError(
                    "il en faut autant que de mailboxes",
                    "must be as many as mailboxes",
                    where=field,
                    then=f"({self.count})",
                )
        return self


class Scenario(Section):
    """A trust space and what is asked of it: the only input of a run."""

    name: Name
    title: str
    title_en: str
    period: Period
    traffic: Traffic
    populations: dict[Name, Population]
    mailboxes: Mailboxes
    software: dict[Kind, Software]
    products: dict[Name, Product]
    methods: Methods
    policies: Policies
    network: Network
    processor: Processor
    resources: Resources
    service: ServiceLevel
    incidents: Incidents
    backends: Backends
    relay: Relay
    costs: Costs
    migration: Migration
    operators: Operators
    compare: Annotated[tuple[str, ...], Field(min_length=1)]
    designs: dict[Name, DesignTable] = Field(default_factory=dict)
    login_policy: str
    login_policies: dict[Name, LoginPolicyTable] = Field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    sweep: SweepTable | None = None
    ranges: dict[str, Span] = Field(default_factory=dict)  # of a decision, by dotted key
    plan: Plan | None = None
    calibration: CalibrationTable | None = None

    @model_validator(mode="after")
    def shares_of_products(self) -> Self:
        """The products of a kind share all of it."""
        for kind in self.software:
            total = sum(each.share for each in self.products.values() if each.kind == kind)
            if abs(total - 1) > ROUNDING:
                raise BadValueError(
                    f"la somme des parts du genre {kind} est {total:g} ; elle doit être 1",
                    f"shares of kind {kind} sum to {total:g}; they must sum to 1",
                    where="products",
                )
        return self

    @model_validator(mode="after")
    def shares_of_messages(self) -> Self:
        """The populations send all messages between them."""
        total = sum(p.message_share for p in self.populations.values())
        if abs(total - 1) > ROUNDING:
            raise BadValueError(
                f"la somme de message_share est {total:g} ; elle doit être 1",
                f"message_share sums to {total:g}; it must sum to 1",
                where="populations",
            )
        for name, people in self.populations.items():
            machine = people.message_share * people.machine_share
            if machine > 0 and people.application_mailboxes * people.units == 0:
                raise BadValueError(
                    "machine_share veut application_mailboxes au-dessus de 0",
                    "machine_share needs application_mailboxes above 0",
                    where=f"populations.{name}",
                )
        return self

    @model_validator(mode="after")
    def operators_know_the_populations(self) -> Self:
        """Every population has an operator, and no operator waits for an unknown one."""
        operators = self.operators
        if isinstance(operators.mailboxes, dict):
            for name in self.populations:
                if name not in operators.mailboxes:
                    raise BadValueError(
                        f"aucun poids pour la population {name}",
                        f"no weights for population {name}",
                        where="operators.mailboxes",
                    )
        for number, fit in enumerate(operators.fit):
            if fit.population not in self.populations:
                raise BadValueError(
                    "ce n'est pas une population ; connues",
                    "is not a population; known",
                    where=f"operators.fit.{number}: {fit.population!r}",
                    then=", ".join(self.populations),
                )
        return self

    @model_validator(mode="after")
    def waves_deliver_products(self) -> Self:
        """What a plan delivers is software of the editors, the operators' webmail apart."""
        known = [name for name, each in self.products.items() if each.kind != "webmail"]
        for wave in self.plan.waves if self.plan else ():
            for name in wave.products:
                if name not in known:
                    raise BadValueError(
                        "n'est pas un produit d'éditeur ; connus",
                        "is not a product of an editor; known",
                        where=f"plan.waves: {name!r}",
                        then=", ".join(known),
                    )
        return self

    @model_validator(mode="after")
    def outages_are_in_the_period(self) -> Self:
        """Refuse an outage that would change nothing."""
        begin = datetime.combine(self.period.start, time.min)
        end = begin + timedelta(days=self.period.days)
        for outage in self.outages:
            start = outage.start.replace(tzinfo=None)
            if start >= end or start + timedelta(minutes=outage.minutes) <= begin:
                raise BadValueError(
                    f"hors de la période ; doit toucher {begin} à {end}",
                    f"is outside the period; it must touch {begin} to {end}",
                    where=f"outages: {start} + {outage.minutes:g} min",
                )
        return self

    def design(self, name: str) -> Design:
        """Return a design by name, the scenario's own first.

        Raises:
            UserError: no such design, or one that leaves a method without endpoint.
        """
        if name in self.designs:
            table = self.designs[name]
            endpoints = tuple(Endpoint(**dict(endpoint)) for endpoint in table.endpoints)
            return Design(
                name, table.label, table.english, endpoints, table.discovery, table.shared_front
            )
        if name in BUILT_IN:
            return BUILT_IN[name]
        known = ", ".join([*self.designs, *BUILT_IN])
        raise UserError.among("architecture inconnue", "not known", f"designs: {name!r}", known)

    def policy(self, name: str | None = None) -> LoginPolicy:
        """Return a login policy by name, the scenario's own first; None: the one of a run.

        Raises:
            UserError: no such policy, or one that leaves a method without mechanism.
        """
        wanted = name or self.login_policy
        if wanted in self.login_policies:
            table = self.login_policies[wanted]
            offers = {"imap": table.imap, "smtp": table.smtp}
            return LoginPolicy(wanted, table.label, table.english, offers)
        if wanted in BUILT_IN_POLICIES:
            return BUILT_IN_POLICIES[wanted]
        known = ", ".join(self.policies_known)
        raise UserError.among(
            "règle de connexion inconnue", "not known", f"login policy {wanted!r}", known
        )

    @property
    def policies_known(self) -> tuple[str, ...]:
        """Names of the login policies that a run may take."""
        return tuple(dict.fromkeys([*self.login_policies, *BUILT_IN_POLICIES]))
