"""How a proved identity becomes a login, whatever the design."""

from __future__ import annotations

import pytest

from sandbox.space.candidates import candidates
from sandbox.space.designs import BUILT_IN, PROTOCOLS, Endpoint
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.login_policies import BUILT_IN_POLICIES, LoginPolicy
from sandbox.space.methods import METHODS, Mechanism, Method

CERTIFIED = (Method.CPS, Method.CERTIFICATE)
ALONE, EXTERNAL = BUILT_IN_POLICIES["certificate-alone"], BUILT_IN_POLICIES["external"]


def doors(protocol: str, tls: str) -> list[Endpoint]:
    found = [e for design in BUILT_IN.values() for e in design.endpoints
             if e.protocol == protocol and e.tls == tls]  # fmt: skip
    assert found
    return found


def test_the_built_in_policies_are_those_of_the_contract_and_that_of_the_referentiel() -> None:
    assert list(BUILT_IN_POLICIES) == ["external", "certificate-alone", "xoauth2"]


@pytest.mark.parametrize("policy", BUILT_IN_POLICIES.values(), ids=BUILT_IN_POLICIES)
def test_a_policy_is_one_rule_for_all_designs(policy: LoginPolicy) -> None:
    """Two endpoints of one protocol and one kind of TLS log a method in alike, shared or not."""
    for protocol in PROTOCOLS:
        for tls in ("implicit", "starttls"):
            for method in Method:
                found = {
                    policy.ways(e, method) for e in doors(protocol, tls) if method in e.methods
                }
                assert len(found) == 1
                assert found.pop() != ()


@pytest.mark.parametrize("method", CERTIFIED)
class TestACertificateAlone:
    def test_is_greeted_with_preauth_and_nothing_else_over_imap(self, method: Method) -> None:
        for endpoint in doors("imap", "implicit"):
            assert ALONE.ways(endpoint, method) == (Mechanism.NONE,)

    def test_falls_to_external_after_starttls(self, method: Method) -> None:
        """RFC 9051 section 7.1.4: PREAUTH is a greeting, and it excludes STARTTLS."""
        for endpoint in doors("imap", "starttls"):
            assert ALONE.ways(endpoint, method) == (Mechanism.EXTERNAL,)

    def test_sends_mail_without_auth_over_smtp_and_may_still_say_external(
        self, method: Method
    ) -> None:
        for tls in ("implicit", "starttls"):
            for endpoint in doors("smtp", tls):
                assert ALONE.ways(endpoint, method) == (Mechanism.NONE, Mechanism.EXTERNAL)

    def test_is_not_enough_under_external(self, method: Method) -> None:
        for protocol in PROTOCOLS:
            assert EXTERNAL.mechanisms[protocol][method] == (Mechanism.EXTERNAL,)


def test_a_telephone_is_awaited_or_its_token_taken() -> None:
    """The deck's proxy holds the login (PLAIN); ECO.1.2.1 takes the token (XOAUTH2)."""
    ways = {name: policy.mechanisms["imap"][Method.ECPS]
            for name, policy in BUILT_IN_POLICIES.items()}  # fmt: skip
    assert ways["external"] == ways["certificate-alone"] == (Mechanism.PLAIN, Mechanism.XOAUTH2)
    assert ways["xoauth2"] == (Mechanism.XOAUTH2,)


def test_an_endpoint_offers_what_its_methods_need_and_no_more() -> None:
    for policy in BUILT_IN_POLICIES.values():
        for design in BUILT_IN.values():
            for endpoint in design.endpoints:
                able = {m for method in endpoint.methods for m in METHODS[method].mechanisms}
                assert set(policy.offered(endpoint)) <= able


class TestCrossing:
    def test_one_policy_leaves_designs_their_names(self) -> None:
        found = candidates(load_scenario("demo"), (), "certificate-alone")
        assert list(found) == list(load_scenario("demo").compare)
        assert {each.policy.name for each in found.values()} == {"certificate-alone"}

    def test_every_policy_is_crossed_with_every_design(self) -> None:
        scenario = load_scenario("demo")
        found = candidates(scenario, (), "all")
        assert set(found) == {f"{d}/{p}" for d in scenario.compare for p in BUILT_IN_POLICIES}
        assert len({each.label for each in found.values()}) == len(found)

    def test_the_scenario_says_which_policy_a_run_takes(self) -> None:
        scenario = load_scenario("demo").model_copy(update={"login_policy": "xoauth2"})
        assert {each.policy.name for each in candidates(scenario).values()} == {"xoauth2"}

    def test_a_policy_nobody_knows_is_refused_with_those_that_are(self) -> None:
        with pytest.raises(UserError, match=r"'internal': .*not known.*external.*xoauth2"):
            candidates(load_scenario("demo"), (), "internal")
