"""The plan: from scenario and designs to every name, address, port, mechanism."""

from __future__ import annotations

from collections import defaultdict

import pytest

from sandbox.live.plan import SpacePlan
from sandbox.live.planning import plan_space
from sandbox.operators.model import SaslName
from sandbox.space.designs import BUILT_IN
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.login_policies import BUILT_IN_POLICIES
from sandbox.space.methods import Method
from sandbox.space.places import Place
from tests.luhn import luhn_valid

DEMO = load_scenario("demo")


def endpoints(plan: SpacePlan) -> list[Place]:
    return [each for operator in plan.operators for each in operator.endpoints]


def test_equal_inputs_give_equal_plans(plan: SpacePlan) -> None:
    assert plan_space(load_scenario("demo"), ("all",)) == plan


def test_the_largest_operators_of_the_scenario_run() -> None:
    scenario = DEMO.model_copy(
        update={"operators": DEMO.operators.model_copy(
            update={"mailboxes": (1.0, 9.0, 5.0), "names": ("small", "large", "middle")}
        )}
    )  # fmt: skip
    labels = [each.label for each in plan_space(scenario, operators=2).operators]
    assert labels == ["large", "middle"]


def test_every_method_of_every_design_is_served_once_by_each_protocol(plan: SpacePlan) -> None:
    for operator in plan.operators:
        served = [
            (each.design, each.protocol, method)
            for each in operator.endpoints
            for method in each.methods
        ]
        assert len(set(served)) == len(served) == len(BUILT_IN) * 2 * len(Method)


def test_endpoints_share_a_socket_only_where_sni_tells_them_apart(plan: SpacePlan) -> None:
    sockets: dict[tuple[str, int], list[Place]] = defaultdict(list)
    for each in endpoints(plan):
        sockets[each.address, each.port].append(each)
    for sharing in sockets.values():
        assert len({each.design for each in sharing}) == 1
        assert len({each.host for each in sharing}) == len(sharing)
        assert len({(each.protocol, each.tls) for each in sharing}) == 1


def test_servers_never_share_a_socket_with_an_endpoint(plan: SpacePlan) -> None:
    shared = [
        plan.files, plan.ocsp, plan.domains, plan.dns, plan.ldap, plan.ldaps, plan.annuaire,
        plan.psc, plan.psc_mtls,
        *(s for o in plan.operators for s in (o.relay, o.autoconfig, o.accounts, o.ciba)),
    ]  # fmt: skip
    sockets = [(each.address, each.port) for each in shared]
    assert len(set(sockets)) == len(sockets)
    assert not set(sockets) & {(each.address, each.port) for each in endpoints(plan)}


def test_names_of_two_designs_never_meet(plan: SpacePlan) -> None:
    designs: dict[str, set[str]] = defaultdict(set)
    for each in endpoints(plan):
        designs[each.host].add(each.design)
    assert all(len(found) == 1 for found in designs.values())


def test_the_first_design_has_the_plain_names_and_the_others_their_own() -> None:
    plan = plan_space(DEMO, ("multi-endpoint", "multi-port"), operators=1)
    hosts = {(each.design, each.host) for each in endpoints(plan)}
    assert ("multi-endpoint", "frontimap.ciba.op001.mssante.test") in hosts
    assert ("multi-port", "imap.op001.multi-port.mssante.test") in hosts


def test_the_zone_gives_every_name_its_address(plan: SpacePlan) -> None:
    addresses = {host.name: host.addresses for host in plan.zone.hosts}
    for each in endpoints(plan):
        assert addresses[each.host] == (each.address,)
    assert plan.zone.records.names


def test_a_certificate_carries_names_and_addresses_of_its_endpoints(plan: SpacePlan) -> None:
    certificates = {each.path: each for o in plan.operators for each in o.certificates}
    for each in endpoints(plan):
        assert each.host in certificates[each.certificate].names
        assert each.address in certificates[each.certificate].addresses


def test_an_operator_keeps_as_many_certificates_as_its_designs_cost(plan: SpacePlan) -> None:
    cost = sum(design.certificates for design in plan.designs)
    for operator in plan.operators:
        assert len({each.certificate for each in operator.endpoints}) == cost


def test_plain_comes_with_login_and_xoauth2_with_oauthbearer(plan: SpacePlan) -> None:
    pairs = {SaslName.PLAIN: SaslName.LOGIN, SaslName.XOAUTH2: SaslName.OAUTHBEARER}
    for each in endpoints(plan):
        for one, other in pairs.items():
            assert (one in plan.mechanisms(each)) == (other in plan.mechanisms(each))


@pytest.mark.parametrize("policy", BUILT_IN_POLICIES)
def test_an_endpoint_offers_what_the_login_policy_says(policy: str) -> None:
    plan = plan_space(DEMO, ("all",), login_policy=policy, operators=1)
    for each in endpoints(plan):
        names = set(plan.mechanisms(each))
        phones, certified = Method.ECPS in each.methods, Method.CPS in each.methods
        assert (SaslName.XOAUTH2 in names) == phones
        typed = {Method.TOTP, Method.SMS} & set(each.methods)
        assert (SaslName.PLAIN in names) == bool(typed or (phones and policy != "xoauth2"))
        if certified:
            alone = policy == "certificate-alone"
            greeted = alone and each.tls == "implicit"
            assert (SaslName.NONE in names) == (greeted or (alone and each.protocol == "smtp"))
            assert (SaslName.EXTERNAL in names) == (not greeted or each.protocol == "smtp")


def test_ports_are_the_standard_ones_plus_the_offset() -> None:
    high = plan_space(DEMO, ("all",), operators=1)
    low = plan_space(DEMO, ("all",), operators=1, port_offset=0)
    assert [each.port - 10_000 for each in endpoints(high)] == [e.port for e in endpoints(low)]
    assert {each.port for each in endpoints(low) if each.design == "single-endpoint"} == {993, 465}
    assert low.operators[0].relay.port == 25


def test_two_blocks_share_no_address() -> None:
    one, two = (plan_space(DEMO, operators=2, block=block) for block in (1, 2))

    def addresses(plan: SpacePlan) -> set[str]:
        return {each for host in plan.zone.hosts for each in host.addresses}

    assert not addresses(one) & addresses(two)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"designs": ("nope",)}, "not known"),
        ({"operators": 0}, "allows 1 to"),
        ({"operators": 15}, "allows 1 to 14"),
        ({"port_offset": 50_000}, "0 to 45000"),
        ({"block": 255}, "1 to 254"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        plan_space(DEMO, **given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_an_operator_whose_name_is_no_dns_label_is_refused() -> None:
    operators = DEMO.operators.model_copy(update={"mailboxes": (1.0,), "names": ("Été",)})
    with pytest.raises(UserError, match="DNS label"):
        plan_space(DEMO.model_copy(update={"operators": operators}), operators=1)


def test_organisations_have_a_finess_with_a_right_key(plan: SpacePlan) -> None:
    finess = [each.organisation.finess for each in plan.operators]
    assert len(set(finess)) == len(finess)
    assert all(luhn_valid(each) for each in finess)
