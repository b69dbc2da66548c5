"""Who is in the space, with what software, and what each method asks of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sandbox.space.errors import BadValueError
from sandbox.space.sections.base import (
    ROUNDING,
    Hour,
    NotNegative,
    Positive,
    Seconds,
    Section,
    Share,
)

__all__ = [
    "Cps",
    "Ecps",
    "Kind",
    "Mailboxes",
    "Methods",
    "Period",
    "Population",
    "Product",
    "Sms",
    "Software",
    "Totp",
    "Traffic",
]


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
    receipts_asked: Share
    receipts_lost: Share
    application_share: Annotated[float, Field(ge=0, le=0.9)]
    acknowledged: Share
    acknowledgements_lost: Share
    citizen_factor: Annotated[float, Field(ge=0, le=100)]
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
