"""A report for continuous integration (JUnit), for people (HTML), to show (badge, attestation)."""

from __future__ import annotations

import hashlib
import json
from xml.etree import ElementTree as ET

import jinja2

from sandbox.conformance.findings import CheckResult, Report
from sandbox.conformance.requirements import requirements

__all__ = ["as_attestation", "as_badge", "as_html", "as_json", "as_junit", "environment"]

LABELS = {
    CheckResult.PASS: "conforme / pass",
    CheckResult.FAIL: "non conforme / fail",
    CheckResult.INCONCLUSIVE: "indéterminé / inconclusive",
    CheckResult.NOT_APPLICABLE: "sans objet / not applicable",
}


KINDS = {"operator": "Opérateur / operator", "software": "Logiciel / software"}
_COLOURS = {
    CheckResult.PASS: "#176b2c",
    CheckResult.FAIL: "#a11212",
    CheckResult.INCONCLUSIVE: "#7a5200",
}
_LETTER = 6.6  # px of a letter of 11 px, about: a badge is measured by no browser


def as_json(report: Report) -> str:
    """Return the stable form as text."""
    return json.dumps(report.as_json(), ensure_ascii=False, indent=1)


def environment() -> jinja2.Environment:
    """Return the templates of the pages."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("sandbox.conformance"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def as_badge(report: Report) -> str:
    """Return an SVG of one line: who was judged, what was found, on which day."""
    passed = sum(each.result is CheckResult.PASS for each in report.findings)
    asked = sum(each.result is not CheckResult.NOT_APPLICABLE for each in report.findings)
    left = f"MSSanté · {report.subject}"[:60]
    right = f"{LABELS[report.verdict].partition(' / ')[0]} {passed}/{asked} · {report.at[:10]}"
    first, second = (round(len(text) * _LETTER + 12) for text in (left, right))
    svg = ET.Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "width": str(first + second), "height": "20",
        "role": "img", "aria-label": f"{left} : {right}",
    })  # fmt: skip
    ET.SubElement(svg, "title").text = f"{left} : {right} (mss-sandbox {report.version})"
    style = {"font-family": "system-ui, sans-serif", "font-size": "11", "fill": "#fff"}
    for at, width, colour, text in (
        (0, first, "#444", left), (first, second, _COLOURS[report.verdict], right),
    ):  # fmt: skip
        ET.SubElement(
            svg, "rect", {"x": str(at), "width": str(width), "height": "20", "fill": colour}
        )
        place = {"x": str(at + 6), "y": "14", "textLength": str(width - 12)}
        line = ET.SubElement(svg, "text", {**style, **place, "lengthAdjust": "spacingAndGlyphs"})
        line.text = text
    return ET.tostring(svg, encoding="unicode") + "\n"


def as_attestation(report: Report) -> str:
    """Return one page that says what was checked and what was not, by which version, which day."""
    rows = {each.id: each for each in requirements()}
    found = {
        label: [each.id for each in report.findings if each.result is result]
        for result, label in LABELS.items()
    }
    asked = [rows[each.id].knowledge for each in report.findings]
    counts = {each: asked.count(each) for each in ("published", "second-hand", "inferred")}
    return environment().get_template("attestation.html.j2").render(
        report=report, labels=LABELS, kinds=KINDS,
        summary=", ".join(f"{len(ids)} {label}" for label, ids in found.items()),
        known=f"Exigences / requirements : {counts['published']} publiées / published,"
        f" {counts['second-hand']} rapportées par un tiers / reported by a third party,"
        f" {counts['inferred']} déduites / inferred.",
        groups=[
            *found.items(),
            ("non contrôlé / not checked", [id_ for id_, _, _ in report.not_checked]),
        ],
        digest=hashlib.sha256(as_json(report).encode()).hexdigest(),
    )  # fmt: skip


def as_junit(report: Report) -> str:
    """Return JUnit XML: fail is a failure, inconclusive an error, not applicable skipped."""
    results = [each.result for each in report.findings]
    suite = ET.Element(
        "testsuite", name=f"mss-sandbox check: {report.subject}", timestamp=report.at[:19],
        tests=str(len(results)), failures=str(results.count(CheckResult.FAIL)),
        errors=str(results.count(CheckResult.INCONCLUSIVE)),
        skipped=str(results.count(CheckResult.NOT_APPLICABLE)), time="0",
    )  # fmt: skip
    tags = {
        CheckResult.FAIL: "failure",
        CheckResult.INCONCLUSIVE: "error",
        CheckResult.NOT_APPLICABLE: "skipped",
    }
    for each in report.findings:
        case = ET.SubElement(suite, "testcase", classname=report.kind, name=each.id, time="0")
        if each.result in tags:
            told = ET.SubElement(case, tags[each.result], message=f"[{each.clause}] {each.why}")
            if each.result is not CheckResult.NOT_APPLICABLE:
                told.set("type", each.result.value)
                told.text = "\n".join(each.evidence)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_html(report: Report) -> str:
    """Return one page that needs no other file."""
    rows = {each.id: each for each in requirements()}
    counts = {LABELS[each]: sum(f.result is each for f in report.findings) for each in CheckResult}
    return (
        environment()
        .get_template("report.html.j2")
        .render(report=report, rows=rows, labels=LABELS, counts=counts)
    )
