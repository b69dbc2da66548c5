"""Counter-based random draws: a number depends on what it is for, never on what was drawn before.

A draw is a function of (key, purpose). The key names the run, the entity and its occasion (seed,
replication, access, cycle); the purpose names the quantity ("rtt", "card signature", "approval").
So the same person waits the same time for the same message in every design (common random
numbers), and neither the engine nor the number of workers can change a value.

The hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014); variates come by inversion of
one uniform, so each is monotone in it. Times are integer nanoseconds: sums are exact, and the two
engines agree to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sandbox.simulation.jit import force_inline, jit

__all__ = [
    "NANOSECONDS",
    "Law",
    "LawKind",
    "constant",
    "exponential",
    "hyperexponential",
    "lognormal",
    "mix",
    "normal_quantile",
    "sample",
    "uniform",
]

NANOSECONDS = 1_000_000_000


class LawKind(IntEnum):
    """The laws that the kernel can invert; the value is the code in compiled tables."""

    CONSTANT = 0
    EXPONENTIAL = 1
    LOGNORMAL = 2
    HYPEREXPONENTIAL = 3


@dataclass(frozen=True, slots=True)
class Law:
    """A distribution of durations, in seconds.

    Attributes:
        kind: which family.
        a, b, c: its parameters, as the constructors below set them.
        mean: the mean, s.
    """

    kind: LawKind
    a: float
    b: float = 0.0
    c: float = 0.0
    mean: float = 0.0


def constant(seconds: float) -> Law:
    """Return the law that is always `seconds`."""
    return Law(LawKind.CONSTANT, seconds, mean=seconds)


def exponential(mean: float) -> Law:
    """Return the exponential law of that mean, s."""
    return Law(LawKind.EXPONENTIAL, mean, mean=mean)


def lognormal(mean: float, cv: float, shift: float = 0.0) -> Law:
    """Return `shift` plus a lognormal, such that the whole has that mean (s).

    `cv` is the coefficient of variation of the lognormal part alone.

    Raises:
        ValueError: the shift leaves nothing positive for the random part.
    """
    body = mean - shift
    if body <= 0 or cv < 0:
        raise ValueError(f"lognormal: mean {mean} must exceed shift {shift}, and cv {cv} be >= 0")
    if cv == 0:
        return constant(mean)
    sigma2 = math.log1p(cv * cv)
    return Law(LawKind.LOGNORMAL, math.log(body) - sigma2 / 2, math.sqrt(sigma2), shift, mean=mean)


def hyperexponential(mean: float, scv: float) -> Law:
    """Return a two-phase hyperexponential with balanced means: squared cv `scv` >= 1."""
    if scv < 1:
        raise ValueError(f"hyperexponential: squared cv {scv} must be at least 1")
    p = (1 + math.sqrt((scv - 1) / (scv + 1))) / 2
    return Law(LawKind.HYPEREXPONENTIAL, mean / (2 * p), mean / (2 * (1 - p)), p, mean=mean)


@force_inline
def mix(x: int, y: int) -> int:
    """Hash two 64-bit integers into one: SplitMix64's finaliser over x + y·φ, modulo 2⁶⁴."""
    z = np.uint64(x) + np.uint64(y) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int(np.int64(z ^ (z >> np.uint64(31))))


@force_inline
def uniform(key: int, purpose: int) -> float:
    """Return the uniform number in (0, 1) that belongs to (key, purpose)."""
    bits = np.uint64(mix(key, purpose)) >> np.uint64(11)
    return (np.float64(bits) + 0.5) * 1.1102230246251565e-16


@jit
def normal_quantile(p: float) -> float:
    """Invert the standard normal distribution function (Wichura 1988, AS 241, PPND16)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        num = (
            ((((((2509.0809287301226727 * r + 33430.575583588128105) * r
                 + 67265.770927008700853) * r + 45921.953931549871457) * r
               + 13731.693765509461125) * r + 1971.5909503065514427) * r
             + 133.14166789178437745) * r + 3.387132872796366608
        )  # fmt: skip
        den = (
            ((((((5226.495278852545925 * r + 28729.085735721942674) * r
                 + 39307.89580009271061) * r + 21213.794301586595867) * r
               + 5394.1960214247511077) * r + 687.1870074920579083) * r
             + 42.313330701600911252) * r + 1.0
        )  # fmt: skip
        return q * num / den
    r = math.sqrt(-math.log(min(p, 1.0 - p)))
    if r <= 5.0:
        r -= 1.6
        num = (
            ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r
                 + 0.24178072517745061177) * r + 1.27045825245236838258) * r
               + 3.64784832476320460504) * r + 5.7694972214606914055) * r
             + 4.6303378461565452959) * r + 1.42343711074968357734
        )  # fmt: skip
        den = (
            ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r
                 + 0.0151986665636164571966) * r + 0.14810397642748007459) * r
               + 0.68976733498510000455) * r + 1.6763848301838038494) * r
             + 2.05319162663775882187) * r + 1.0
        )  # fmt: skip
    else:
        r -= 5.0
        num = (
            ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r
                 + 0.0012426609473880784386) * r + 0.026532189526576123093) * r
               + 0.29656057182850489123) * r + 1.7848265399172913358) * r
             + 5.4637849111641143699) * r + 6.6579046435011037772
        )  # fmt: skip
        den = (
            ((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r
                 + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r
               + 0.0148753612908506148525) * r + 0.13692988092273580531) * r
             + 0.59983220655588793769) * r + 1.0
        )  # fmt: skip
    return -num / den if q < 0 else num / den


@jit
def sample(kind: int, a: float, b: float, c: float, key: int, purpose: int) -> int:
    """Return the duration, in nanoseconds, that (key, purpose) draws from a law (kind, a, b, c)."""
    if kind == 0:
        return int(a * 1e9 + 0.5)
    u = uniform(key, purpose)
    if kind == 1:
        seconds = -a * math.log(u)
    elif kind == 2:
        seconds = c + math.exp(a + b * normal_quantile(u))
    elif u < c:
        seconds = -a * math.log(u / c)
    else:
        seconds = -b * math.log((1.0 - u) / (1.0 - c))
    return int(seconds * 1e9 + 0.5)
