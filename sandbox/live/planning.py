"""From a scenario and designs to the plan of a live space.

Pure: equal inputs give equal plans.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sandbox.live.joining import Joining
from sandbox.live.plan import (
    CertificatePlan,
    CitizensPlan,
    JoinedPlan,
    OperatorPlan,
    ServicePlan,
    SpacePlan,
    autoconfig_names,
)
from sandbox.messages.ins import PATIENT_LABEL
from sandbox.space.capacity import RELAY as MX
from sandbox.space.capacity import CapacityPart, capacity_of
from sandbox.space.designs import BUILT_IN, Design, Endpoint
from sandbox.space.errors import UserError
from sandbox.space.operators import operator_names, operator_sizes
from sandbox.space.places import Place
from sandbox.space.scenario import Scenario
from sandbox.trust.design_zone import (
    RELAY,
    SUFFIX,
    operator_address,
    places,
    subdomain,
)
from sandbox.trust.identity import Organisation, luhn_key
from sandbox.trust.zone import SrvRecord

__all__ = ["OFFSET", "plan_space"]

OFFSET = 10_000
MOST_OPERATORS = 200  # of a live space, all in one process
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_AUTOCONFIG, _ACCOUNTS, _CIBA = RELAY + 1, RELAY + 2, RELAY + 3
_SERVICES = ("igc", "ocsp", "espacedeconfiance", "ns", "annuaire", "psc", "commande", "patient")
# Where mail from other operators comes in (API MSS-IO): of no design, the same under all.
_RELAY = Endpoint(
    name="relay",
    protocol="relay",
    methods=(),
    host="mx.{operator}",
    address="relay",
    port=25,
    certificate="relay",
    tls="starttls",
    client_certificate="required",
)


def _certificates(endpoints: Sequence[Place]) -> list[CertificatePlan]:
    found: dict[str, list[Place]] = {}
    for endpoint in endpoints:
        found.setdefault(endpoint.certificate, []).append(endpoint)
    return [
        CertificatePlan(
            path=path,
            names=tuple(dict.fromkeys(each.host for each in those)),
            addresses=tuple(dict.fromkeys(each.address for each in those)),
        )
        for path, those in found.items()
    ]


def _organisation(label: str, number: int) -> Organisation:
    """Return a legal person whose FINESS no structure has, its Luhn key right."""
    stem = f"75{990_000 + number:06d}"
    return Organisation(
        name=f"OPERATEUR {label.upper()}", department="Paris (75)", finess=stem + luhn_key(stem)
    )


def _operator(
    label: str, number: int, designs: Sequence[Design],
    parts: Mapping[str, Mapping[str, CapacityPart]], offset: int, block: int,
) -> OperatorPlan:  # fmt: skip
    endpoints = tuple(
        replace(place, slots=parts[place.design][place.name].slots)
        for place in places(
            designs, label, number, port_offset=offset, block=block
        )
    )  # fmt: skip
    domain = f"{label}.{SUFFIX}"

    def server(name: str, last: int, port: int) -> ServicePlan:
        address = operator_address(number, last, block=block)
        return ServicePlan(host=f"{name}.{domain}", address=address, port=port + offset)

    relay = Place(
        operator=label,
        design="",
        endpoint=_RELAY,
        host=f"mx.{domain}",
        address=operator_address(number, RELAY, block=block),
        port=_RELAY.port + offset,
        slots=parts[designs[0].name][MX].slots,
    )
    autoconfig, accounts, ciba = (
        server("autoconfig", _AUTOCONFIG, 443),
        server("compte", _ACCOUNTS, 443),
        server("ciba", _CIBA, 443),
    )
    others = [
        CertificatePlan(path=f"{label}/{name}", names=(each.host,), addresses=(each.address,))
        for name, each in (("accounts", accounts), ("ciba", ciba))
    ]
    discovery = tuple(
        (f"{label}.{subdomain(design, designs[0], SUFFIX)}", design.name) for design in designs
    )
    others.append(
        CertificatePlan(
            path=f"{label}/autoconfig",
            names=autoconfig_names(discovery),
            addresses=(autoconfig.address,),
        )
    )
    return OperatorPlan(
        label=label,
        number=number,
        domain=domain,
        organisation=_organisation(label, number),
        endpoints=endpoints,
        relay=relay,
        autoconfig=autoconfig,
        autoconfig_http=80 + offset,
        discovery=discovery,
        accounts=accounts,
        ciba=ciba,
        certificates=(*_certificates(endpoints), *others),
    )


def _citizens(offset: int, block: int) -> CitizensPlan:
    domain = f"{PATIENT_LABEL}.{SUFFIX}"
    relay = Place(
        operator=PATIENT_LABEL,
        design="",
        endpoint=_RELAY,
        host=f"mx.{domain}",
        address=f"127.{block}.0.8",
        port=_RELAY.port + offset,
    )
    return CitizensPlan(
        label=PATIENT_LABEL,
        domain=domain,
        organisation=_organisation("mon espace sante", 9_999),
        relay=relay,
    )


def _joined(
    joining: Joining, number: int, taken: Sequence[str], offset: int, block: int
) -> JoinedPlan:
    domain = f"{joining.name}.{SUFFIX}"
    if joining.name in taken:
        raise UserError(
            "nom déjà pris dans l'espace ; en prendre un autre",
            "this name is taken in the space; take another",
            where=f"join {joining.name}",
        )
    address = operator_address(number, RELAY, block=block)
    return JoinedPlan(
        label=joining.name,
        domain=domain,
        organisation=_organisation(joining.name, number),
        relay=ServicePlan(host=f"mx.{domain}", address=address, port=_RELAY.port + offset),
        mail=f"mail.{domain}",
        mailboxes=joining.mailboxes,
        services=tuple(
            SrvRecord(label=label, target=f"mail.{domain}", port=port + offset)
            for label, port in joining.services.items()
        ),
    )


def _designs(scenario: Scenario, names: Sequence[str]) -> tuple[Design, ...]:
    wanted: dict[str, None] = {}
    for name in names or scenario.compare:
        if name == "all":
            wanted |= dict.fromkeys([*scenario.compare, *BUILT_IN, *scenario.designs])
        else:
            wanted[name] = None
    return tuple(scenario.design(name) for name in wanted)


def plan_space(
    scenario: Scenario,
    designs: Sequence[str] = (),
    *,
    login_policy: str | None = None,
    operators: int = 3,
    joining: Sequence[Joining] = (),
    port_offset: int = OFFSET,
    block: int = 1,
) -> SpacePlan:
    """Plan a live space.

    Args:
        scenario: gives the operators, and designs of its own.
        designs: names, `all` for all; those that the scenario compares by default. The first has
            the plain names.
        login_policy: how one logs in there, the scenario's by default.
        operators: how many, the largest first.
        joining: operators that are not ours.
        port_offset: added to every standard port, 0 to 45000.
        block: second part of all addresses, 1 to 254.

    Raises:
        UserError: an unknown design or login policy, too many operators, or a value out of range.
    """
    labels = operator_names(scenario)
    if not 1 <= operators <= min(len(labels), MOST_OPERATORS):
        most = min(len(labels), MOST_OPERATORS)
        raise UserError(
            f"le scénario {scenario.name} en permet 1 à {most}",
            f"scenario {scenario.name} allows 1 to {most}",
            where=f"operators {operators}",
        )
    if not 0 <= port_offset <= 45_000:
        raise UserError(
            "attendu 0 à 45000", "must be 0 to 45000", where=f"port offset {port_offset}"
        )
    if not 1 <= block <= 254:
        raise UserError(
            f"attendu 1 à 254 (adresses 127.{block}.x.y)",
            f"must be 1 to 254 (addresses 127.{block}.x.y)",
            where=f"loopback {block}",
        )
    sizes = operator_sizes(scenario)
    largest = sorted(range(len(labels)), key=lambda each: -sizes[each])[:operators]
    for each in largest:
        if labels[each] == PATIENT_LABEL:
            raise UserError(
                "nom réservé à Mon espace santé",
                "a name kept for Mon espace santé",
                where=f"operators.names: {labels[each]!r}",
            )
        if not _LABEL.fullmatch(labels[each]):
            raise UserError(
                "impossible comme nom DNS ; minuscules, chiffres et tirets",
                "cannot be a DNS label; use lower-case letters, digits and dashes",
                where=f"operators.names: {labels[each]!r}",
            )
    chosen, policy = _designs(scenario, designs), scenario.policy(login_policy)
    for design in chosen:
        policy.check(design)

    def service(host: str, last: int, port: int) -> ServicePlan:
        return ServicePlan(
            host=f"{host}.{SUFFIX}", address=f"127.{block}.0.{last}", port=port + port_offset
        )

    ours = [labels[each] for each in largest]
    names = [each.name for each in joining]
    joined = tuple(
        _joined(
            each, operators + number, [*ours, *_SERVICES, PATIENT_LABEL, *names[:number]],
            port_offset, block,
        )
        for number, each in enumerate(joining)
    )  # fmt: skip
    capacities = {design.name: capacity_of(scenario, design) for design in chosen}
    return SpacePlan(
        joined=joined,
        scenario=scenario.name,
        suffix=SUFFIX,
        port_offset=port_offset,
        block=block,
        designs=chosen,
        policy=policy,
        operators=tuple(
            _operator(
                labels[each],
                number,
                chosen,
                {name: capacity.of_operator(each) for name, capacity in capacities.items()},
                port_offset,
                block,
            )
            for number, each in enumerate(largest)
        ),
        citizens=_citizens(port_offset, block),
        files=service("igc", 1, 80),
        ocsp=service("ocsp", 2, 80),
        domains=service("espacedeconfiance", 3, 443),
        dns=service("ns", 4, 53),
        ldap=service("annuaire", 5, 389),
        ldaps=service("annuaire", 5, 636),
        annuaire=service("annuaire", 5, 443),
        psc=service("psc", 6, 443),
        psc_mtls=service("psc", 6, 444),
        psc_wallet=service("psc", 6, 446),
        control=service("commande", 7, 443),
        console=service("console", 8, 8080),  # 80 and the offset is a port that browsers refuse
    )
