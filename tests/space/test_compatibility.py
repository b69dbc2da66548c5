"""Who can connect: a table of requirements, read in closed form and access by access."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sandbox.simulation.build import build_model
from sandbox.space.compatibility import (
    Barrier,
    Compatibility,
    barriers,
    can_connect,
    compatibility,
    mechanisms_used,
    requirements,
)
from sandbox.space.designs import BUILT_IN, Design
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.login_policies import BUILT_IN_POLICIES, LoginPolicy
from sandbox.space.methods import CAPABILITIES, Feature, Method
from sandbox.space.population import SOFTWARE, BalKind, Space, build_space
from sandbox.space.scenario import Scenario
from tests.simulation.small import able, one_person, small_scenario, small_space

SCALE = 0.2
EXTERNAL = BUILT_IN_POLICIES["external"]
CROSSED = [(d, p) for d in BUILT_IN.values() for p in BUILT_IN_POLICIES.values()]
NAMES = [f"{d.name}/{p.name}" for d, p in CROSSED]

# ---------------------------------------------------------------------- one access, each lack

LACKS: dict[str, dict[str, Any]] = {
    "external": able("lps", imap_external=0, smtp_external=0),
    "external to send": able("lps", smtp_external=0),
    "xoauth2": able("lps", imap_xoauth2=0, smtp_xoauth2=0),
    "preauth": able("lps", imap_alone=0),
    "mail without auth": able("lps", smtp_alone=0),
    "external and mail without auth": able("lps", smtp_alone=0, smtp_external=0),
    "port": able("lps", port_setting=0),
    "host": able("lps", host_setting=0),
    "server name": able("lps", sni=0),
    "calm when asked": able("lps", certificate_request_fails=1),
    "open ports": {"populations.liberal.port_blocked": 1},
}
NOBODY_OUT: dict[str, Barrier | None] = dict.fromkeys(BUILT_IN)
ALL_OUT: dict[str, Barrier | None] = dict.fromkeys(BUILT_IN, Barrier.MECHANISM)
# what is lacking, method, login policy -> by design, what stops the access (None: nothing does).
STOPPED: dict[tuple[str, str, str], dict[str, Barrier | None]] = {
    ("external", "cps", "external"): ALL_OUT,
    ("external", "totp", "external"): NOBODY_OUT,
    ("external to send", "cps", "external"): ALL_OUT,  # as Thunderbird is
    # STARTTLS excludes PREAUTH: there only EXTERNAL is left.
    ("external", "cps", "certificate-alone"): NOBODY_OUT | {"api-lps-2023": Barrier.MECHANISM},
    ("preauth", "cps", "external"): NOBODY_OUT,
    ("preauth", "cps", "certificate-alone"): ALL_OUT | {"api-lps-2023": None},
    # Over SMTP who insists on AUTH still finds EXTERNAL.
    ("mail without auth", "cps", "certificate-alone"): NOBODY_OUT,
    ("external and mail without auth", "cps", "certificate-alone"): ALL_OUT,
    ("xoauth2", "ecps", "external"): NOBODY_OUT,
    ("xoauth2", "ecps", "xoauth2"): ALL_OUT,
    ("xoauth2", "totp", "xoauth2"): NOBODY_OUT,
    ("port", "totp", "external"): NOBODY_OUT | {"multi-port": Barrier.PORT_SETTING},
    ("port", "cps", "external"): NOBODY_OUT | {
        "multi-port": Barrier.PORT_SETTING, "multi-port-codes": Barrier.PORT_SETTING,
    },
    # A person needs one host; SRV finds it for her.
    ("host", "totp", "external"): NOBODY_OUT | {
        "multi-endpoint": Barrier.HOST_SETTING, "multi-endpoint-sni": Barrier.HOST_SETTING,
    },
    ("server name", "totp", "external"): NOBODY_OUT | {"multi-endpoint-sni": Barrier.SERVER_NAME},
    ("calm when asked", "totp", "external"): NOBODY_OUT | {
        "single-endpoint": Barrier.CERTIFICATE_REQUEST,
    },
    ("calm when asked", "cps", "external"): NOBODY_OUT,
    ("open ports", "sms", "external"): NOBODY_OUT | {"multi-port": Barrier.PORT_BLOCKED},
}  # fmt: skip


def counted(space: Space, design: Design, policy: LoginPolicy) -> Compatibility:
    """Return who can connect among the drawn accesses, counted one by one."""
    found = Compatibility()
    accesses, products = space.accesses, space.products
    kinds = np.stack([accesses.population, accesses.software, accesses.product, accesses.method,
                      barriers(space, design, policy)])  # fmt: skip
    values, numbers = np.unique(kinds, axis=1, return_counts=True)
    methods = tuple(Method)
    for (people, software, product, method, barrier), number in zip(
        values.T.tolist(), numbers.tolist(), strict=True
    ):
        found.add(
            space.populations[people], software, products[product], methods[method], number,
            {Barrier(barrier): 1.0} if barrier >= 0 else {},
        )  # fmt: skip
    return found


@pytest.mark.parametrize(("lack", "method", "policy"), STOPPED, ids=["-".join(k) for k in STOPPED])
def test_what_stops_an_access(lack: str, method: str, policy: str) -> None:
    space = small_space(one_person(method, "lps", **LACKS[lack]))
    found = {
        name: [None if each < 0 else Barrier(each)
               for each in barriers(space, design, BUILT_IN_POLICIES[policy])]
        for name, design in BUILT_IN.items()
    }  # fmt: skip
    assert found == {name: [each] for name, each in STOPPED[lack, method, policy].items()}


@pytest.mark.parametrize("own", [0, 1])
@pytest.mark.parametrize("policy", BUILT_IN_POLICIES)
def test_a_card_greeted_preauth_opens_its_person_s_own_mailbox_and_not_the_shared_one(
    policy: str, own: int
) -> None:
    """Of a shared mailbox with one holder, who has one of her own or has not."""
    space = small_space(one_person("cps", "lps") | {
        "populations.liberal.shared_mailboxes": 1, "populations.liberal.personal_mailboxes": own,
        "mailboxes.holders": 1,
    })  # fmt: skip
    shared = space.accesses.kind == BalKind.ORG
    for name, design in BUILT_IN.items():
        found = barriers(space, design, BUILT_IN_POLICIES[policy])
        kept_out = policy == "certificate-alone" and own and name != "api-lps-2023"  # STARTTLS
        assert set(found[shared]) == {Barrier.SHARED_MAILBOX if kept_out else -1}, name
        assert set(found[~shared]) <= {-1}


# ---------------------------------------------------------------------- closed form = drawn


@pytest.fixture(scope="module")
def space() -> Space:
    return build_space(load_scenario("demo"), seed=5)


def places(space: Space) -> NDArray[np.int64]:
    """Return a number for each access's site: the same for all kinds of mailbox there."""
    local = space.accesses.site & ((1 << 40) - 1)
    return space.accesses.population.astype(np.int64) << 40 | local


def clump(space: Space, mine: NDArray[np.bool_]) -> float:
    """Return how many accesses come and go together, on average: those of one mailbox or site.

    The effective number of independent draws is the sum over the sum of squares of the sites.
    """
    sites = places(space)[mine]
    _, sizes = np.unique(sites, return_counts=True)
    return float((sizes**2).sum() / sizes.sum())


@pytest.mark.parametrize(("design", "policy"), CROSSED, ids=NAMES)
@pytest.mark.parametrize("kind", ["product", "population", "method"])
def test_the_closed_form_is_what_a_drawn_space_counts_within_its_sampling_error(
    space: Space, design: Any, policy: Any, kind: str
) -> None:
    """Four and a half standard deviations, sites taken as the units that are drawn."""
    expected, drawn = compatibility(space.scenario, design, policy), counted(space, design, policy)
    parts = {"product": "by_product", "population": "by_population", "method": "by_method"}[kind]
    outside = space.accesses.software != SOFTWARE.index("webmail")
    names: Sequence[str] = {
        "product": space.products, "population": space.populations,
        "method": [str(method) for method in Method],
    }[kind]  # fmt: skip
    numbers = getattr(space.accesses, kind)
    for number, name in enumerate(names):
        mine = outside & (numbers == number)
        if not mine.any():
            continue
        share = getattr(expected, parts)[name].cannot_connect
        found = getattr(drawn, parts)[name]
        sd = math.sqrt(share * (1 - share) * clump(space, mine) / mine.sum())
        assert found.accesses == mine.sum()
        assert abs(found.cannot_connect - share) <= 4.5 * sd + 1e-9, name


@pytest.mark.parametrize(("design", "policy"), CROSSED, ids=NAMES)
def test_the_closed_form_counts_as_many_accesses_as_are_drawn(
    space: Space, design: Any, policy: Any
) -> None:
    expected = compatibility(space.scenario, design, policy)
    total = expected.whole.accesses + expected.webmail
    holders = space.scenario.mailboxes.holders
    assert abs(len(space.accesses) - total) <= 5 * math.sqrt(holders * total)


def certain(scenario: Scenario) -> Scenario:
    """Return the scenario with capabilities and firewalls that are 0 or 1: nothing left to draw."""
    changes: dict[str, float] = {}
    for name, product in scenario.products.items():
        values = product.model_dump(exclude={"kind", "share"})
        changes |= {f"products.{name}.{key}": round(value) for key, value in values.items()}
    changes |= {f"populations.{name}.port_blocked": 0.0 for name in scenario.populations}
    # All holders of shared mailboxes in hospitals have one of their own, nobody else has.
    changes |= {"mailboxes.holders": 1, "populations.ehpad.personal_mailboxes": 0}
    return with_inputs(scenario, changes)


@pytest.mark.parametrize(("design", "policy"), CROSSED, ids=NAMES)
def test_on_the_same_accesses_both_are_exactly_equal(design: Any, policy: Any) -> None:
    """Weighing the closed form's probabilities by the drawn mix gives the drawn count itself."""
    space = build_space(certain(load_scenario("demo")), seed=2, scale=SCALE)
    drawn, expected = (
        counted(space, design, policy),
        compatibility(space.scenario, design, policy, scale=SCALE),
    )
    for name, part in drawn.by_product.items():
        mine = space.accesses.product == space.products.index(name)
        own = (space.accesses.features & int(Feature.HAS_OWN)) != 0
        stopped = sum(
            float((mine & (space.accesses.method == number) & (own == has)).sum())
            * _cannot(space.scenario, name, number, design, policy, own=has)
            for number in range(5)
            for has in (False, True)
        )
        assert part.accesses * part.cannot_connect == stopped
    assert set(drawn.by_product) <= set(expected.by_product)


def _cannot(
    scenario: Scenario, product: str, method: int, design: Any, policy: Any, *, own: bool
) -> float:
    values = scenario.products[product]
    shares = {feature: getattr(values, field) for field, feature in CAPABILITIES.items()}
    shares |= {Feature.PORT_BLOCKED: 0.0, Feature.HAS_OWN: float(own)}
    asked = requirements(design, policy, tuple(Method)[method])
    return 1.0 - math.prod(each.probability(shares) for each in asked)


@pytest.mark.parametrize(("design", "policy"), CROSSED, ids=NAMES)
def test_a_run_has_the_traffic_of_those_who_can_and_of_nobody_else(
    design: Any, policy: Any
) -> None:
    space = small_space()
    able_to = can_connect(space, [(design, policy)])
    model = build_model(space, design, policy)
    np.testing.assert_array_equal(
        np.sort(model.inputs.access_identity), np.sort(space.accesses.identity[able_to])
    )
    assert (mechanisms_used(space, design, policy)[:, able_to] >= 0).all()


def test_a_comparison_that_leaves_nobody_says_so_in_a_line() -> None:
    space = small_space(able("lps", imap_plain=0) | able("mail_client", imap_plain=0)
                        | able("webmail", imap_plain=0)
                        | able("robot", imap_external=0))  # fmt: skip
    space = replace(space, accesses=space.accesses.only(space.accesses.method != 0))
    with pytest.raises(UserError, match=r"single-endpoint, login policy external: .* / nobody can"):
        build_model(space, BUILT_IN["single-endpoint"], EXTERNAL, only=space.accesses.method == 1)


def test_designs_compared_run_the_same_accesses() -> None:
    space = small_space()
    kept = can_connect(space, CROSSED)
    runs = [build_model(space, d, p, only=kept).inputs.access_identity for d, p in CROSSED]
    for each in runs:
        np.testing.assert_array_equal(each, runs[0])
    assert 0 < len(runs[0]) < len(space.accesses)


# ---------------------------------------------------------------------- products, sites, webmail


def test_a_site_blocks_for_all_of_its_accesses_or_for_none(space: Space) -> None:
    outside = space.accesses.software != SOFTWARE.index("webmail")
    blocked = (space.accesses.features & int(Feature.PORT_BLOCKED)) != 0
    sites = places(space)
    for site in np.unique(sites[outside & blocked]):
        assert blocked[outside & (sites == site)].all()


def test_webmail_is_counted_apart() -> None:
    found = compatibility(load_scenario("demo"), BUILT_IN["single-endpoint"], EXTERNAL)
    assert found.webmail > 0
    assert "webmail" not in found.by_product
    assert sum(p.accesses for p in found.by_product.values()) == pytest.approx(found.whole.accesses)


def test_the_volume_to_migrate_is_the_messages_of_those_who_cannot() -> None:
    """Robots alone send, none of them knows EXTERNAL: all messages wait for their migration."""
    changes = able("robot", imap_external=0, smtp_external=0) | {
        f"populations.{name}.message_share": float(name == "laboratory")
        for name in ("liberal", "hospital", "laboratory", "ehpad")
    } | {"populations.laboratory.machine_share": 1.0}  # fmt: skip
    scenario = small_scenario(changes)
    found = compatibility(scenario, BUILT_IN["multi-endpoint"], EXTERNAL)
    assert found.messages_share(scenario) == pytest.approx(1.0)


def test_messages_to_migrate_are_the_sum_of_each_editors() -> None:
    scenario = load_scenario("demo")
    for design in BUILT_IN.values():
        found = compatibility(scenario, design, EXTERNAL)
        by_product = found.messages_by_product(scenario)
        assert sum(by_product.values()) == pytest.approx(found.messages_share(scenario))
        assert set(found.by_product) <= set(by_product)


# ---------------------------------------------------------------------- metamorphic


def _share(scenario: Scenario, design: str, policy: str = "external") -> float:
    found = compatibility(scenario, BUILT_IN[design], BUILT_IN_POLICIES[policy])
    return found.whole.cannot_connect


def test_more_blocked_ports_never_help_a_design_of_ports() -> None:
    base = load_scenario("demo")
    found = [
        _share(with_inputs(base, {"populations.liberal.port_blocked": blocked}), "multi-port")
        for blocked in (0.0, 0.1, 0.3, 0.6, 1.0)
    ]
    assert found == sorted(found)
    assert found[0] < found[-1]


@pytest.mark.parametrize("capability", ["imap_external", "smtp_external"])
def test_more_external_never_hurts_the_single_endpoint(capability: str) -> None:
    base = load_scenario("demo")
    found = [
        _share(with_inputs(base, {f"products.{name}.{capability}": share
                                  for name in base.products}), "single-endpoint")
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]  # fmt: skip
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


@pytest.mark.parametrize("policy", BUILT_IN_POLICIES)
def test_the_names_of_designs_and_endpoints_change_nothing(policy: str) -> None:
    scenario = load_scenario("demo")
    for name, design in BUILT_IN.items():
        renamed = replace(design, name="autre", endpoints=tuple(
            replace(each, name=f"x.{each.name}", host=f"x.{each.host}")
            for each in design.endpoints
        ))  # fmt: skip
        found = compatibility(scenario, renamed, BUILT_IN_POLICIES[policy])
        assert found.whole.cannot_connect == _share(scenario, name, policy)


def test_eight_names_on_standard_ports_keep_out_nobody_whose_software_can_set_a_host() -> None:
    """Equal mechanics, equal access: names cost their editors, they do not exclude."""
    scenario = load_scenario("demo")
    scenario = with_inputs(
        scenario, {f"products.{name}.host_setting": 1.0 for name in scenario.products}
        | {f"products.{name}.certificate_request_fails": 0.0 for name in scenario.products}
    )  # fmt: skip
    for policy in BUILT_IN_POLICIES:
        assert _share(scenario, "multi-endpoint", policy) == pytest.approx(
            _share(scenario, "single-endpoint", policy)
        )
