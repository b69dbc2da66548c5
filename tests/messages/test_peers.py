"""Software and examples that we did not write: ANS's schema, rules and examples; veraPDF.

`MSS_CI_SIS` names a copy of ANS's repository TestContenuCDA-3-0; `.ci/peers-messages` installs
veraPDF and Saxon. Where they are not, these tests are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import etree

from sandbox.messages.check import check_cda
from tests.messages.made import AT, DOCUMENT, files_of, good

CONTENT = Path(os.environ.get("MSS_CI_SIS", "/nonexistent"))
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
VERAPDF = Path(os.environ.get("MSS_VERAPDF", CACHE / "mssante-sandbox/verapdf"))
SAXON = Path(os.environ.get("MSS_PEERS", CACHE / "mssante-sandbox/peers")) / "saxon"
HERE = Path(__file__).parent
# Newborns of the examples, under the OID of real NIRs: invented, and their key says so.
INVENTED = {
    "CSE-CS24_2024.01.xml", "CSE-CS8_2024.01.xml", "CSE-CS9_2024.01.xml", "CSE-MDE_2023.01.xml",
    "OBP-SEM_2024.01.xml", "OBP-SNE_2024.01.xml",
}  # fmt: skip
examples = pytest.mark.skipif(
    not CONTENT.is_dir(), reason="MSS_CI_SIS: no copy of ANS's TestContenuCDA-3-0"
)


@examples
def test_every_published_example_is_accepted_but_for_keys_that_are_wrong() -> None:
    found = sorted((CONTENT / "ExemplesCDA").glob("*.xml"))
    assert len(found) >= 90
    broken = {}
    for path in found:
        report = check_cda(path.read_bytes())
        if report.verdict != "pass":
            broken[path.name] = [each.rule.id for each in report.findings]
    assert broken == {name: ["ins-key"] for name in INVENTED}


@examples
def test_a_made_document_is_valid_by_the_published_schema() -> None:
    schema = etree.XMLSchema(etree.parse(str(CONTENT / "infrastructure/cda/CDA_extended.xsd")))
    assert check_cda(files_of(good())[DOCUMENT], schema).findings == ()
    wrong = files_of(good())[DOCUMENT].replace(b"<title>", b"<titre/><title>")
    assert [each.rule.id for each in check_cda(wrong, schema).findings] == ["xml-schema"]


@examples
def test_a_made_document_keeps_the_rules_of_ans_s_own_schematron(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`structuration minimale`, by ISO Schematron for XSLT 2 on Saxon."""
    monkeypatch.syspath_prepend(str(SAXON))
    saxon = pytest.importorskip("saxonche", reason="saxonche is not installed")
    folder = tmp_path / "min"
    shutil.copytree(CONTENT / "schematrons/profils/structurationMinimale", folder)
    types = etree.parse(str(CONTENT / "jeuxDeValeurs/JDV_J07_XdsTypeCode_CISIS.xml"))
    codes = [each.get("code") for each in types.iter("{*}Concept") if each.get("code")]
    assert codes
    # The one value set that the repository names and lacks; it has it under another name.
    (folder / "include/voc-1.2.250.1.213.1.1.5.471-DYNAMIC.xml").write_text(
        "<valueSets><valueSet><conceptList>"
        + "".join(f'<concept code="{each}"/>' for each in codes)
        + "</conceptList></valueSet></valueSets>"
    )
    (tmp_path / "cda.xml").write_bytes(files_of(good())[DOCUMENT])
    with saxon.PySaxonProcessor(license=False) as processor:
        xslt = processor.new_xslt30_processor()
        source = folder / "ASIP-STRUCT-MIN-StrucMin.sch"
        for step in ("iso_dsdl_include", "iso_abstract_expand", "iso_svrl_for_xslt2"):
            sheet = xslt.compile_stylesheet(
                stylesheet_file=str(CONTENT / f"schematrons/moteur/{step}.xsl")
            )
            made = folder / f"{step}.xml"
            sheet.transform_to_file(source_file=str(source), output_file=str(made))
            source = made
        rules = xslt.compile_stylesheet(stylesheet_file=str(source))
        report = rules.transform_to_string(source_file=str(tmp_path / "cda.xml"))
    assert "svrl:fired-rule" in report
    assert "svrl:failed-assert" not in report


@pytest.mark.skipif(not (VERAPDF / "complete").exists(), reason="veraPDF is not installed")
def test_a_made_pdf_is_pdf_a_by_verapdf(tmp_path: Path) -> None:
    from sandbox.messages.pdf import make_pdf

    for size in (1, 300_000):
        (tmp_path / f"{size}.pdf").write_bytes(
            make_pdf("Été", ["œuvre"], size=size, at=AT, seed="1")
        )
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{VERAPDF}/*",
         str(HERE / "verapdf/Validate.java"), *map(str, sorted(tmp_path.glob("*.pdf")))],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\t1b\ttrue") == 2
