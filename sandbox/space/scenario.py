"""The schema of a scenario: what a user may write, with what is allowed.

No default stands here: each comes from `data/inputs.csv`, at the same dotted key.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from sandbox.space.designs import BUILT_IN, Design, Endpoint
from sandbox.space.errors import BadValueError, UserError
from sandbox.space.login_policies import BUILT_IN_POLICIES, LoginPolicy
from sandbox.space.methods import Mechanism, Method

__all__ = [
    "EndpointTable",
    "Outage",
    "Plan",
    "Population",
    "Resources",
    "Scenario",
    "Servers",
    "Software",
    "SweepTable",
]

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=366 * 86400)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Hour = Annotated[float, Field(ge=0, le=24)]
Whole = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
ROUNDING = 1e-6


class Section(BaseModel):
    """A table of a scenario: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Period(Section):
    """When: a terminating run from a quiet hour, whole days."""

    start: date
    days: Annotated[int, Field(ge=1, le=366)]


class Traffic(Section):
    """Messages submitted during the period."""

    messages: NotNegative
    monday_factor: Positive
    dispersion: Annotated[float, Field(ge=1, le=1000)]
    top_tenth: Annotated[float, Field(ge=0.1, lt=1)]
    recipients: Annotated[float, Field(ge=1, le=100)]
    batch: Annotated[float, Field(ge=1, le=10_000)]
    aligned_spread: Annotated[float, Field(gt=0, le=600)]


class Population(Section):
    """People or structures of one kind: how many, how connected, how they behave."""

    units: NotNegative
    deployment: Share
    personal_mailboxes: NotNegative
    shared_mailboxes: NotNegative
    application_mailboxes: NotNegative
    active: Share
    message_share: Share
    machine_share: Share
    present_working: Share
    present_saturday: Share
    present_sunday: Share
    opening_hour: Hour
    opening_sd: NotNegative
    closing_hour: Hour
    closing_sd: NotNegative
    rtt: Positive
    rtt_cv: Positive
    port_blocked: Share
    method_cps: Share
    method_totp: Share
    method_ecps: Share
    method_sms: Share
    software_lps: Share
    software_mail_client: Share
    software_webmail: Share

    @model_validator(mode="after")
    def shares_sum_to_one(self) -> Self:
        """Refuse methods or software that leave somebody out."""
        for prefix in ("method", "software"):
            parts = {k: v for k, v in self if k.startswith(f"{prefix}_")}
            if abs(sum(parts.values()) - 1) > ROUNDING:
                raise BadValueError(
                    f"la somme est {sum(parts.values()):g} ; elle doit être 1",
                    f"sum to {sum(parts.values()):g}; they must sum to 1",
                    where=", ".join(parts),
                )
        if self.opening_hour >= self.closing_hour:
            raise BadValueError(
                "opening_hour doit précéder closing_hour",
                "opening_hour must come before closing_hour",
            )
        return self


class Mailboxes(Section):
    """Who opens shared mailboxes."""

    holders: Annotated[float, Field(ge=1, le=100)]
    site_top_tenth: Annotated[float, Field(ge=0.1, lt=1)]


class Software(Section):
    """A kind of mail software: how it connects; what it can do is its product's."""

    poll_seconds: Annotated[float, Field(ge=10, le=86400)]
    poll_share: Share
    keeps_connection: bool
    imap_connections: Annotated[int, Field(ge=1, le=20)]
    timeout: Annotated[float, Field(gt=0, le=3600)]
    aligned: Share
    left_open: Share
    refusal_rings: Annotated[int, Field(ge=1, le=20)]

    @model_validator(mode="after")
    def period_divides_the_day(self) -> Self:
        """Polls keep their phase from one day to the next."""
        if 86400 % self.poll_seconds:
            raise BadValueError(
                "doit diviser un jour (86400 s)",
                "must divide a day (86400 s)",
                where=f"poll_seconds {self.poll_seconds:g}",
            )
        return self


Kind = Literal["lps", "mail_client", "webmail", "robot"]


class Product(Section):
    """An editor's product: its share of its kind, and one set of capabilities.

    A capability is the share of the product's installed base that has it: 0 or 1, or between where
    versions differ.
    """

    kind: Kind
    share: Share
    imap_plain: Share
    smtp_plain: Share
    imap_external: Share
    smtp_external: Share
    imap_alone: Share
    smtp_alone: Share
    imap_xoauth2: Share
    smtp_xoauth2: Share
    port_setting: Share
    host_setting: Share
    sni: Share
    certificate_request_fails: Share
    certificate_request_prompts: Share
    tls13: Share
    resumes: Share


class Cps(Section):
    """The card: PIN, then one signature per full TLS handshake."""

    pin_mean: Positive
    pin_cv: NotNegative
    pin_seconds: Seconds
    sign_shift: NotNegative
    sign_mean: Positive
    sign_cv: NotNegative

    @model_validator(mode="after")
    def shift_below_mean(self) -> Self:
        """The shift is the least a signature takes."""
        if self.sign_shift >= self.sign_mean:
            raise BadValueError(
                "sign_shift doit être sous sign_mean", "sign_shift must be below sign_mean"
            )
        return self


class Totp(Section):
    """Reading and typing a code."""

    typing_mean: Positive
    typing_cv: NotNegative
    mistyped: Share


class Ecps(Section):
    """The telephone: notification, then the person's answer."""

    push_mean: Positive
    push_cv: NotNegative
    approval_mean: Positive
    approval_shift: NotNegative
    approval_cv: NotNegative
    never: Share
    forgotten: Share
    refused: Share

    @model_validator(mode="after")
    def shift_below_mean(self) -> Self:
        """The shift is the least an approval takes."""
        if self.approval_shift >= self.approval_mean:
            raise BadValueError(
                "approval_shift doit être sous approval_mean",
                "approval_shift must be below approval_mean",
            )
        return self


class Sms(Section):
    """The operator's own CIBA: an SMS with a link."""

    delivery_mean: Positive
    delivery_cv: NotNegative
    lost: Share
    click_mean: Positive
    click_cv: NotNegative
    expiry: Annotated[float, Field(gt=0, le=3600)]


class Methods(Section):
    """What each method asks of people and devices."""

    cps: Cps
    totp: Totp
    ecps: Ecps
    sms: Sms


class Policies(Section):
    """What operators and Pro Santé Connect allow."""

    session_seconds: Seconds
    totp_once: bool
    totp_step: Annotated[float, Field(ge=1, le=600)]
    token_seconds: Annotated[float, Field(gt=0, le=86400)]
    psc_session_seconds: Annotated[float, Field(gt=0, le=30 * 86400)]
    ciba_interval: Annotated[float, Field(gt=0, le=60)]
    ciba_expiry: Annotated[float, Field(gt=0, le=3600)]
    ciba_mode: Literal["poll", "ping"]
    token_check: Literal["introspection", "jwks"]
    imap_keepalive: bool
    peace_seconds: Seconds
    prelogin_timeout: Annotated[float, Field(gt=0, le=3600)]
    ticket_seconds: Seconds
    retry_limit: Annotated[int, Field(ge=0, le=20)]
    retry_pause: Annotated[float, Field(gt=0, le=3600)]
    backlog: Annotated[int, Field(ge=1, le=1_000_000)]


class Network(Section):
    """Names and paths."""

    dns_ttl: Seconds
    dns_hit: Seconds
    dns_miss: Seconds
    dns_users: Positive
    tls13_server: bool


class Processor(Section):
    """Processor seconds of one core."""

    tls_full: Positive
    tls_client_certificate: Positive
    tls_resumed: Positive
    login: Positive
    password: Positive
    imap_session: Positive
    submission: Positive
    relay: Positive


class Servers(Section):
    """The servers of an operator.

    Attributes:
        front_cores, store_cores: where logins are made, where mail is kept.
        imap_connections, smtp_connections: served at once.
    """

    front_cores: Annotated[int, Field(ge=1, le=1024)]
    store_cores: Annotated[int, Field(ge=1, le=1024)]
    imap_connections: Annotated[int, Field(ge=1, le=10_000_000)]
    smtp_connections: Annotated[int, Field(ge=1, le=10_000_000)]


class SizeClass(Servers):
    """The servers of an operator that has at most `mailboxes`."""

    mailboxes: Positive


class Resources(Section):
    """What operators run, by size class, how endpoints share it, what one client may take."""

    placement: Literal["dedicated", "shared"]
    misjudged: Share
    user_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    address_imap_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    address_smtp_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    small: SizeClass
    medium: SizeClass
    large: SizeClass
    national: Servers

    @model_validator(mode="after")
    def classes_grow(self) -> Self:
        """An operator belongs to one class."""
        if not self.small.mailboxes < self.medium.mailboxes < self.large.mailboxes:
            raise BadValueError(
                "il faut", "needed:", then="small.mailboxes < medium.mailboxes < large.mailboxes"
            )
        return self


class ServiceLevel(Section):
    """What makes a design break, for its headroom."""

    added_latency: Positive
    refused: Annotated[float, Field(gt=0, le=1)]


class Psc(Section):
    """Pro Santé Connect, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]
    authentication: Positive
    token: Positive
    poll: Positive
    introspection: Positive
    rtt: Seconds
    timeout: Annotated[float, Field(gt=0, le=600)]


class SmsGateway(Section):
    """The SMS gateways, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]
    send: Positive


class DirectoryService(Section):
    """The annuaire santé, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]
    lookup: Positive
    rtt: Seconds
    miss: Share


class Backends(Section):
    """What all operators share."""

    psc: Psc
    sms: SmsGateway
    directory: DirectoryService


class Relay(Section):
    """Between operators (API MSS-IO)."""

    queue_mean: Positive
    rtt: Seconds


class Costs(Section):
    """Money, in euros."""

    certificate_year: NotNegative
    record_year: NotNegative
    address_year: NotNegative
    endpoint_year: NotNegative
    expiry_probability: Share
    expiry_incident: NotNegative
    day_rate: NotNegative
    editor_url_days: NotNegative
    editors: NotNegative
    plain_days: NotNegative
    external_days: NotNegative
    xoauth2_days: NotNegative
    alone_days: NotNegative
    firewall_opening: NotNegative
    support_call: NotNegative
    calls_installed: NotNegative
    wrong_place: NotNegative
    person_hour: NotNegative
    enrolment_minutes: NotNegative
    app_minutes: NotNegative
    sms_price: NotNegative
    ciba_small_year: NotNegative
    ciba_medium_year: NotNegative
    ciba_large_year: NotNegative
    ciba_national_year: NotNegative
    amortisation: Positive


class Migration(Section):
    """How fast the space grows and moves, and what the move asks of people."""

    growth: Annotated[float, Field(gt=-1, le=10)]
    update_quarters: Annotated[float, Field(gt=0, le=100)]
    opened_quarter: Share
    calls_cut: NotNegative
    telephone_minutes: NotNegative
    update_minutes: NotNegative


class Wave(Section):
    """Editors that deliver together."""

    editors: str
    share: Share  # of the accesses on software of their own
    quarter: Annotated[int, Field(ge=1)]


class Plan(Section):
    """A move to a design, quarter by quarter.

    Attributes:
        start: first day of the first quarter.
        ecps: share of people who use the e-CPS, one a quarter.
        psc_ciba: when Pro Santé Connect offers CIBA.
        retire: when the old doors close; None: never.
    """

    start: date
    ecps: Annotated[tuple[Share, ...], Field(min_length=1, max_length=80)]
    psc_ciba: date
    retire: date | None = None
    waves: Annotated[tuple[Wave, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def waves_fit_the_plan(self) -> Self:
        """Editors deliver once, within the plan; a quarter starts with a quarter of the year."""
        if self.start.day != 1 or self.start.month % 3 != 1:
            raise BadValueError(
                "pas le premier jour d'un trimestre (1er janvier, avril, juillet, octobre)",
                "is not the first day of a quarter (1 January, April, July or October)",
                where=f"start {self.start}",
            )
        total = sum(wave.share for wave in self.waves)
        if total > 1 + ROUNDING:
            raise BadValueError(
                f"la somme des parts est {total:g} ; elle doit être 1 au plus",
                f"shares sum to {total:g}; they must sum to 1 at most",
                where="waves",
            )
        for wave in self.waves:
            if wave.quarter > len(self.ecps):
                raise BadValueError(
                    f"trimestre {wave.quarter} ; le plan en a {len(self.ecps)} (un par valeur"
                    " d'ecps)",
                    f"in quarter {wave.quarter}; the plan has {len(self.ecps)} (one a value of"
                    " ecps)",
                    where=f"waves: {wave.editors!r}",
                )
        if self.retire is not None and self.retire < self.start:
            raise BadValueError(
                "date avant le début du plan", "is before the plan starts",
                where=f"retire {self.retire}", then=f"({self.start})",
            )  # fmt: skip
        return self


class Outage(Section):
    """A back end that does not answer for a while."""

    backend: Literal["psc"]
    start: datetime
    minutes: Annotated[float, Field(gt=0, le=366 * 1440)]


class IncidentTable(Section):
    """How often something fails, and for how long."""

    per_year: Annotated[float, Field(ge=0, le=365)]
    minutes: Annotated[float, Field(gt=0, le=7 * 1440)]


class Incidents(Section):
    """What fails: by kind, how often each thing does; how connections come back."""

    endpoint: IncidentTable
    host: IncidentTable
    certificate: IncidentTable
    name: IncidentTable
    attack: IncidentTable
    deployment: IncidentTable
    psc: IncidentTable
    sms: IncidentTable
    directory: IncidentTable
    spreads: Share
    back_off: Positive


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
    applications: dict[Name, Weights] = {}  # where a population's robots are, if elsewhere
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
    designs: dict[Name, DesignTable] = {}
    login_policy: str
    login_policies: dict[Name, LoginPolicyTable] = {}
    outages: tuple[Outage, ...] = ()
    sweep: SweepTable | None = None
    plan: Plan | None = None

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
        raise UserError(
            "architecture inconnue ; choisir parmi",
            "not known; choose among",
            where=f"designs: {name!r}",
            then=known,
        )

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
        raise UserError(
            "règle de connexion inconnue ; choisir parmi",
            "not known; choose among",
            where=f"login policy {wanted!r}",
            then=known,
        )

    @property
    def policies_known(self) -> tuple[str, ...]:
        """Names of the login policies that a run may take."""
        return tuple(dict.fromkeys([*self.login_policies, *BUILT_IN_POLICIES]))
