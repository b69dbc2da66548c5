"""What a comparison weighs: a design under a login policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.space.designs import Design
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.scenario import Scenario

__all__ = ["EVERY_POLICY", "Candidate", "candidates"]

EVERY_POLICY = "all"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A design under a login policy; its name says both where several policies are compared."""

    name: str
    label: str
    english: str
    design: Design
    policy: LoginPolicy


def candidates(
    scenario: Scenario, designs: Sequence[str] = (), login_policy: str | None = None
) -> dict[str, Candidate]:
    """Cross designs with one login policy, or with every one.

    Args:
        designs: names; empty: those that the scenario compares.
        login_policy: a name, `all`, or None for the scenario's.

    Returns:
        By name: DESIGN, or DESIGN/POLICY with `all`.

    Raises:
        UserError: an unknown name, or a policy that leaves a method without mechanism in a design.
    """
    every = login_policy == EVERY_POLICY
    names = scenario.policies_known if every else (login_policy or scenario.login_policy,)
    found = {}
    for name in designs or scenario.compare:
        design = scenario.design(name)
        for policy in map(scenario.policy, names):
            policy.check(design)
            made = Candidate(
                name=f"{name}/{policy.name}" if every else name,
                label=f"{design.label} ({policy.name})" if every else design.label,
                english=f"{design.english} ({policy.name})" if every else design.english,
                design=design,
                policy=policy,
            )
            found[made.name] = made
    return found
