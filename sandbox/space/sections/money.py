"""What things cost, and the plan of a migration."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from sandbox.space.errors import BadValueError
from sandbox.space.sections.base import Name, NotNegative, Positive, Section, Share

__all__ = [
    "Costs",
    "Migration",
    "Plan",
    "Wave",
]


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
    products: Annotated[tuple[Name, ...], Field(min_length=1)]
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
        delivered: set[str] = set()
        for wave in self.waves:
            for product in wave.products:
                if product in delivered:
                    raise BadValueError(
                        f"{product} est déjà livré par une autre vague",
                        f"{product} is delivered by another wave already",
                        where=f"waves: {wave.editors!r}",
                    )
                delivered.add(product)
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
