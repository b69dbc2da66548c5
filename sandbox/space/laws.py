"""How long people and devices take, and how often no answer comes: a scenario's laws, once.

Both executions sample these: the simulation by its counter-based draws, the live telephones and SMS
by theirs. Parameters are written in `data/inputs.csv` and nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from sandbox.space.sections.people import Ecps, Methods, Sms
from sandbox.space.tables import defaults

__all__ = ["AnswerLaw", "WaitLaw", "ecps_answer", "sms_answer", "sms_delivery", "sourced_methods"]


@dataclass(frozen=True, slots=True)
class WaitLaw:
    """A shifted lognormal, in seconds.

    Attributes:
        mean: of the whole.
        variation: coefficient of variation of what exceeds `shift`.
        shift: the least it takes.
    """

    mean: float
    variation: float
    shift: float = 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation, s."""
        return self.variation * (self.mean - self.shift)

    def quantile(self, u: float) -> float:
        """Return the quantile `u` of it, s."""
        if self.variation == 0:
            return self.mean
        sigma2 = math.log1p(self.variation**2)
        body = math.log(self.mean - self.shift) - sigma2 / 2
        return self.shift + math.exp(body + math.sqrt(sigma2) * NormalDist().inv_cdf(u))

    def then(self, other: WaitLaw) -> WaitLaw:
        """Return the law with the mean and variance of one after the other (moment matching)."""
        mean, shift = self.mean + other.mean, self.shift + other.shift
        return WaitLaw(mean, math.hypot(self.deviation, other.deviation) / (mean - shift), shift)


@dataclass(frozen=True, slots=True)
class AnswerLaw:
    """What a person does with a request on a device.

    Attributes:
        wait: from the request to the answer.
        never: share of requests that are not answered.
        refused: share of answers that are a refusal.
    """

    wait: WaitLaw
    never: float = 0.0
    refused: float = 0.0


def ecps_answer(ecps: Ecps) -> AnswerLaw:
    """Return how a telephone answers: notification, then the person."""
    push = WaitLaw(ecps.push_mean, ecps.push_cv)
    approval = WaitLaw(ecps.approval_mean, ecps.approval_cv, ecps.approval_shift)
    return AnswerLaw(push.then(approval), ecps.never, ecps.refused)


def sms_delivery(sms: Sms) -> WaitLaw:
    """Return how long an SMS that is not lost takes."""
    return WaitLaw(sms.delivery_mean, sms.delivery_cv)


def sms_answer(sms: Sms) -> AnswerLaw:
    """Return how a person follows the link of an SMS that arrived."""
    return AnswerLaw(WaitLaw(sms.click_mean, sms.click_cv))


@cache
def sourced_methods() -> Methods:
    """Return what `data/inputs.csv` says of the methods: for what runs without a scenario."""
    return Methods.model_validate(defaults()["methods"])
