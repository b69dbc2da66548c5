"""An operator's enrolment as an ASGI application; the space is that of the tests of logins."""

from __future__ import annotations

from tests.operators.auth.conftest import annuaire, igc, world

__all__ = ["annuaire", "igc", "world"]
