"""What every test file shares."""

from __future__ import annotations

import matplotlib as mpl
from hypothesis import settings

mpl.use("Agg")
# The first call of a compiled function compiles it: no time limit on single examples.
settings.register_profile("sandbox", deadline=None)
settings.load_profile("sandbox")
