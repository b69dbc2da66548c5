"""What operators and Pro Santé Connect allow; the defaults are in `data/inputs.csv`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sandbox.space.sections.base import Seconds, Section

__all__ = ["Policies"]


class Policies(Section):
    """What operators and Pro Santé Connect allow."""

    session_seconds: Seconds
    totp_once: bool
    totp_step: Annotated[float, Field(ge=1, le=600)]
    totp_window: Annotated[int, Field(ge=0, le=4)]
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
    revocation_seconds: Annotated[float, Field(ge=0, le=3600)]
    revocation_timeout: Annotated[float, Field(gt=0, le=60)]
    recheck_seconds: Annotated[float, Field(ge=1, le=86400)]
    traffic_months: Annotated[int, Field(ge=1, le=1200)]
