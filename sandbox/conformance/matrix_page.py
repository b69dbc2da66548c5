"""The matrix as one page that needs no other file, in French and English."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.reports import environment
from sandbox.conformance.software.matrix import MatrixCell

__all__ = ["as_page"]

# Nobody's conformity is judged here: what works is told.
LABELS = {
    CheckResult.PASS: "réussi / pass",
    CheckResult.FAIL: "échec / fail",
    CheckResult.INCONCLUSIVE: "indéterminé / inconclusive",
    CheckResult.NOT_APPLICABLE: "sans objet / not applicable",
}


def as_page(cells: Sequence[MatrixCell], at: str, *, whole: bool) -> str:
    """Return the page: a table for each operator and design, software by method.

    Args:
        cells: in any number.
        at: when the first was tried, ISO 8601.
        whole: whether all were tried; else the page says that it was cut short.
    """
    found = {_key(each): each for each in cells}
    return environment().get_template("matrix.html.j2").render(
        at=at, whole=whole, version=version("mssante-sandbox"), found=found, labels=LABELS,
        tables=list(dict.fromkeys((each.operator, each.design) for each in cells)),
        methods=list(dict.fromkeys(each.method for each in cells)),
        rows=list(dict.fromkeys((each.client, each.version, each.protocol) for each in cells)),
        counts={LABELS[each]: sum(cell.result is each for cell in cells) for each in CheckResult},
    )  # fmt: skip


def _key(cell: MatrixCell) -> tuple[str, str, str, str, str]:
    return cell.operator, cell.design, cell.client, cell.protocol, cell.method
