"""A report as JUnit XML, for continuous integration, and as one HTML page, for people."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import jinja2

from sandbox.conformance.findings import Report, Result
from sandbox.conformance.requirements import requirements

__all__ = ["as_html", "as_junit"]

LABELS = {
    Result.PASS: "conforme / pass",
    Result.FAIL: "non conforme / fail",
    Result.INCONCLUSIVE: "indéterminé / inconclusive",
    Result.NOT_APPLICABLE: "sans objet / not applicable",
}


def as_junit(report: Report) -> str:
    """Return JUnit XML: fail is a failure, inconclusive an error, not applicable skipped."""
    results = [each.result for each in report.findings]
    suite = ET.Element(
        "testsuite", name=f"mss-sandbox check: {report.subject}", timestamp=report.at[:19],
        tests=str(len(results)), failures=str(results.count(Result.FAIL)),
        errors=str(results.count(Result.INCONCLUSIVE)),
        skipped=str(results.count(Result.NOT_APPLICABLE)), time="0",
    )  # fmt: skip
    tags = {Result.FAIL: "failure", Result.INCONCLUSIVE: "error", Result.NOT_APPLICABLE: "skipped"}
    for each in report.findings:
        case = ET.SubElement(suite, "testcase", classname=report.kind, name=each.id, time="0")
        if each.result in tags:
            told = ET.SubElement(case, tags[each.result], message=f"[{each.clause}] {each.why}")
            if each.result is not Result.NOT_APPLICABLE:
                told.set("type", each.result.value)
                told.text = "\n".join(each.evidence)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_html(report: Report) -> str:
    """Return one page that needs no other file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sandbox.conformance"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    rows = {each.id: each for each in requirements()}
    counts = {LABELS[each]: sum(f.result is each for f in report.findings) for each in Result}
    return environment.get_template("report.html.j2").render(
        report=report, rows=rows, labels=LABELS, counts=counts
    )
