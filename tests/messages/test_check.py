"""Each rule has a message that breaks it and no other; a good message breaks none."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.messages.check import check_cda, check_message
from sandbox.messages.receipts import Disposition, make_receipt
from sandbox.messages.rules import rules
from tests.messages.made import (
    AT,
    DOCUMENT,
    METADATA,
    PATIENT,
    RECIPIENT,
    SENDER,
    archive_of,
    delivered,
    files_of,
    good,
    parsed,
    whole,
    with_archive,
    with_files,
    with_header,
    zipped,
)


def broken(content: bytes) -> list[str]:
    return [each.rule.id for each in check_message(content).findings]


def document(change: Any, *, hashed: bool = True) -> bytes:
    """Return the good message with its CDA changed, and METADATA.XML made true of it again."""

    def both(files: dict[str, bytes]) -> None:
        before = files[DOCUMENT]
        after = files[DOCUMENT] = change(before)
        assert after != before
        if hashed:
            for old, new in (
                (hashlib.sha1(before).hexdigest(), hashlib.sha1(after).hexdigest()),
                (f"<rim:Value>{len(before)}<", f"<rim:Value>{len(after)}<"),
            ):
                files[METADATA] = files[METADATA].replace(old.encode(), new.encode())

    return with_files(both)


def swap(old: str, new: str, **options: bool) -> bytes:
    return document(lambda data: data.replace(old.encode(), new.encode()), **options)


def metadata(old: str, new: str) -> bytes:
    def change(files: dict[str, bytes]) -> None:
        assert old.encode() in files[METADATA]
        files[METADATA] = files[METADATA].replace(old.encode(), new.encode())

    return with_files(change)


def cut(start: str, end: str) -> bytes:
    """Return the good message with an element of its CDA left out."""

    def change(data: bytes) -> bytes:
        first = data.index(start.encode())
        return data[:first] + data[data.index(end.encode(), first) + len(end) :]

    return document(change)


def bomb() -> bytes:
    return with_files(lambda files: files.update({"BOMB.TXT": b"0" * 8_000_000}))


def liar() -> bytes:
    """Return an archive whose directory understates the size of a file."""
    archive = bytearray(zipped({**files_of(good()), "BOMB.TXT": b"0" * 8_000_000}))
    at = archive.rindex(b"PK\x01\x02")
    archive[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return with_archive(bytes(archive))


def link() -> bytes:
    out = io.BytesIO(archive_of(good()))
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo("LINK")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return with_archive(out.getvalue())


def twice() -> bytes:
    out = io.BytesIO(archive_of(good()))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr(DOCUMENT, b"<other/>")
    return with_archive(out.getvalue())


def bzip2() -> bytes:
    out = io.BytesIO(archive_of(good()))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("MORE.TXT", b"x" * 100)
    return with_archive(out.getvalue())


def second_archive() -> bytes:
    message = parsed(good())
    data = archive_of(good())
    message.add_attachment(data, maintype="application", subtype="zip", filename="IHE_XDM.ZIP")
    return message.as_bytes()


def renamed(old: str, new: str) -> bytes:
    return good().replace(f'filename="{old}"'.encode(), f'filename="{new}"'.encode())


def copy(change: Any) -> bytes:
    message = parsed(good())
    for part in message.walk():
        if part.get_content_type() == "application/pdf":
            change(part)
    return message.as_bytes()


def other_copy(part: Any) -> None:
    data = part.get_content() + b"\n% more"
    part.set_content(data, maintype="application", subtype="pdf", filename=part.get_filename())


def plain_pdf(part: Any) -> None:
    data = part.get_content().replace(b"pdfaid:part>1<", b"pdfaid:part>x<")
    part.set_content(data, maintype="application", subtype="pdf", filename=part.get_filename())


ENTITIES = "<!DOCTYPE a [" + "".join(
    f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(9)
)
DOC = '<?xml version="1.0" encoding="UTF-8"?>'
MATRICULE = PATIENT.matricule
WRONG = MATRICULE[:13] + f"{(int(MATRICULE[13:]) % 97) + 1:02d}"

MUTANTS: dict[str, tuple[Any, list[str]]] = {
    "no message": (lambda: b"", ["mail-form"]),
    "parts without end": (lambda: good()[: len(good()) // 2], ["mail-form"]),
    "no message id": (lambda: with_header("Message-ID", None), ["mail-message-id"]),
    "answer without thread": (lambda: with_header("In-Reply-To", "<1@a.test>"), ["mail-thread"]),
    "HTML alone": (
        lambda: good().replace(b"Content-Type: text/plain", b"Content-Type: text/html"),
        ["mail-text"],
    ),
    "latin-1": (lambda: good().replace(b'charset="utf-8"', b'charset="latin-1"'), ["mail-charset"]),
    "subject of no rule": (lambda: with_header("Subject", "Résultats"), ["mail-subject"]),
    "subject of another": (
        lambda: with_header("Subject", "XDM/1.0/DDM+CR AUTRE JEAN 01/01/2000"), ["mail-subject"],
    ),
    "archive named otherwise": (
        lambda: renamed("IHE_XDM.ZIP", "docs.zip"), ["mail-archive-name"],
    ),
    "two archives": (second_archive, ["mail-archives", "header-codecda", "mail-copy"]),
    "no copy": (
        lambda: copy(lambda part: part.replace_header("Content-Disposition", "inline")),
        ["mail-copy"],
    ),
    "copy of no PDF/A": (lambda: copy(plain_pdf), ["mail-copy-pdfa", "mail-copy-differs"]),
    "copy named otherwise": (
        lambda: copy(lambda part: part.set_param("filename", "cr.pdf", "Content-Disposition")),
        ["mail-copy-name"],
    ),
    "copy of something else": (lambda: copy(other_copy), ["mail-copy-differs"]),
    "INS told twice": (
        lambda: good().replace(b"X-MSS-INS: N", b"X-MSS-INS: N\r\nX-MSS-INS: O"), ["header-value"],
    ),
    "no NIL": (lambda: with_header("X-MSS-NIL", None), ["header-nil"]),
    "another type": (lambda: with_header("X-MSS-CODECDA", "11490-0"), ["header-codecda"]),
    "no type": (lambda: with_header("X-MSS-CODECDA", None), ["header-codecda"]),
    "INS of tests told qualified": (lambda: with_header("X-MSS-INS", "O"), ["header-ins"]),
    "INS not told": (lambda: with_header("X-MSS-INS", None), ["header-ins"]),
    "another citizen": (
        lambda: with_header("To", f"<{WRONG}@patient.mssante.test>"), ["patient-address"],
    ),
    "no matricule": (
        lambda: with_header("To", "<paul.martin@patient.mssante.test>"), ["patient-address"],
    ),
    "billion laughs": (
        lambda: swap(DOC, f"{DOC}{ENTITIES}]>"), ["xml-doctype"],
    ),
    "external entity": (
        lambda: swap(DOC, f'{DOC}<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        ["xml-doctype"],
    ),
    "UTF-16": (
        lambda: document(
            lambda data: data.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
            .encode("utf-16")
        ),
        ["xml-encoding"],
    ),
    "Latin-1 under UTF-8": (
        lambda: document(lambda data: data.replace("été".encode(), b"\xe9t\xe9")
                         .replace("é".encode(), b"\xe9")),
        ["xml-form"],
    ),
    "half a document": (lambda: document(lambda data: data[:2000]), ["xml-form"]),
    "no archive": (lambda: with_archive(b"no archive"), ["zip-form"]),
    "half an archive": (lambda: with_archive(archive_of(good())[:3000]), ["zip-form"]),
    "wrong checksum": (
        lambda: with_archive(archive_of(good()).replace(b"IHE_XDM", b"IHE_XDN", 1)), ["zip-form"],
    ),
    "ZIP bomb": (bomb, ["zip-bomb"]),
    "ZIP bomb that hides its size": (liar, ["zip-form"]),
    "many files": (
        lambda: with_files(lambda files: files.update({f"{n}.TXT": b"" for n in range(300)})),
        ["zip-bomb"],
    ),
    "path upwards": (
        lambda: with_files(lambda files: files.update({"../../etc/x": b"x"})), ["zip-path"],
    ),
    "path of a disk": (
        lambda: with_files(lambda files: files.update({"C:/x": b"x"})), ["zip-path"],
    ),
    "link": (link, ["zip-path"]),
    "name twice": (twice, ["zip-twice"]),
    "another compression": (bzip2, ["zip-method"]),
    "no index": (lambda: with_files(lambda files: files.pop("INDEX.HTM")), ["xdm-layout"]),
    "no metadata": (lambda: with_files(lambda files: files.pop(METADATA)), ["xdm-layout"]),
    "metadata of nothing": (
        lambda: with_files(lambda files: files.update({METADATA: b"<a/>"})),
        ["metadata-entries", "metadata-unlisted", "header-codecda", "header-ins"],
    ),
    "metadata of a missing file": (
        lambda: metadata("DOC00001.XML", "DOC00002.XML"), ["metadata-uri", "metadata-unlisted"],
    ),
    "document beside": (
        lambda: with_files(
            lambda files: files.update({"IHE_XDM/SUBSET01/X.XML": b'<ClinicalDocument xmlns="x"/>'})
        ),
        ["metadata-unlisted"],
    ),
    "another hash": (
        lambda: swap("Cabinet d", "Cabinet D", hashed=False), ["metadata-hash"],
    ),
    "another type in metadata": (
        lambda: metadata('nodeRepresentation="11502-2"', 'nodeRepresentation="11490-0"'),
        ["metadata-type"],
    ),
    "another patient in metadata": (
        lambda: metadata(f'value="{MATRICULE}', f'value="{WRONG}'), ["metadata-patient"],
    ),
    "no CDA": (lambda: document(lambda _: b"<a/>"), ["cda-root"]),
    "body of no base64": (lambda: swap('"B64">JVBER', '"B64">!JVBER'), ["cda-base64"]),
    "matricule without key": (
        lambda: document(lambda data: data.replace(MATRICULE.encode(), WRONG.encode())),
        ["metadata-patient", "ins-key-test"],
    ),
    "no sex": (
        lambda: swap(f'code="{PATIENT.sex}" displayName', 'nullFlavor="UNK" displayName'),
        ["ins-traits"],
    ),
    "realm": (lambda: swap('realmCode code="FR"', 'realmCode code="US"'), ["cda-realm"]),
    "type id": (lambda: swap("POCD_HD000040", "POCD_HD000041"), ["cda-type-id"]),
    "HL7 France": (lambda: swap("113883.2.8.2.1", "113883.2.8.2.2"), ["cda-template-france"]),
    "CI-SIS": (lambda: swap('root="1.2.250.1.213.1.1.1.1"', 'root="1.2"'), ["cda-template-cisis"]),
    "no id": (lambda: swap('<id root="2.999.250.2.8"/>', ""), ["cda-id"]),
    "no label": (
        lambda: swap('code="11502-2" displayName', 'code="11502-2" x'), ["cda-code"],
    ),
    "no title": (lambda: cut("<title>", "</title>"), ["cda-title"]),
    "no date": (
        lambda: swap('<effectiveTime value="2026', '<effectiveTime value="hier'), ["cda-date"],
    ),
    "no confidentiality": (lambda: cut("<confidentialityCode", "/>"), ["cda-confidentiality"]),
    "no language": (lambda: swap('"fr-FR"', '"français"'), ["cda-language"]),
    "version zero": (
        lambda: swap('versionNumber value="1"', 'versionNumber value="0"'), ["cda-version"],
    ),
    "no author": (lambda: cut("<author>", "</author>"), ["cda-author"]),
    "no custodian": (lambda: cut("<custodian>", "</custodian>"), ["cda-custodian"]),
    "unsigned": (lambda: cut("<legalAuthenticator>", "</legalAuthenticator>"), ["cda-signer"]),
    "no act": (lambda: cut("<documentationOf>", "</documentationOf>"), ["cda-act"]),
    "no encounter": (lambda: cut("<componentOf>", "</componentOf>"), ["cda-encounter"]),
    "no body": (lambda: cut("<component>", "</component>"), ["cda-body"]),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_refused_for_its_own_reason(name: str) -> None:
    make, expected = MUTANTS[name]
    assert broken(make()) == expected


@pytest.mark.parametrize("identity", [PATIENT, whole()], ids=["tests", "real"])
def test_a_message_that_is_made_keeps_every_rule(identity: Any) -> None:
    report = check_message(good(identity))
    assert report.tree() == {"verdict": "pass", "findings": []}


def test_a_citizen_is_written_to_at_the_matricule_of_his_document() -> None:
    assert broken(good(recipient=f"{MATRICULE}@patient.mssante.test")) == []


def test_an_ordinary_message_needs_its_product_alone() -> None:
    text = (
        b"From: <a@b.mssante.test>\r\nTo: <c@d.mssante.test>\r\nMessage-ID: <1@b.mssante.test>\r\n"
        b"X-MSS-NIL: DEV935997\r\n\r\nBonjour\r\n"
    )
    assert broken(text) == []
    assert broken(text.replace(b"X-MSS-NIL", b"X-MSS-INS: N\r\nX-MSS-NIL")) == ["header-ins"]


def test_a_message_over_25_megabytes_is_too_large_for_a_citizen() -> None:
    lines = b"x" * 76 + b"\r\n"
    text = b"Message-ID: <1@b.test>\r\nX-MSS-NIL: A\r\n\r\n"
    assert broken(text + lines * 320_513) == ["mail-large"]
    assert broken(text + lines * 320_000) == []


RECEIPT = {"mailbox": RECIPIENT, "to": SENDER, "at": AT, "message_id": "<r@cabinet.mssante.test>"}


def receipt(**values: Any) -> bytes:
    return make_receipt(delivered(good()), **RECEIPT, **values)


@pytest.mark.parametrize(
    "values",
    [{}, {"disposition": Disposition.PROCESSED},
     {"disposition": Disposition.PROCESSED, "code": "902"}],
)  # fmt: skip
def test_a_receipt_that_is_made_keeps_every_rule(values: Any) -> None:
    assert broken(receipt(**values)) == []


FAILED: Any = {"disposition": Disposition.PROCESSED, "code": "902"}


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("message/disposition-notification", "text/plain", "receipt-form"),
        ("Original-Message-ID:", "X-Other:", "receipt-original"),
        ("Final-Recipient: rfc822", "Final-Recipient: x400", "receipt-recipient"),
        ("; processed/", "; integrated/", "receipt-disposition"),
        ("Error: 902^", "Error: 999^", "receipt-code"),
        ("902=5D", "903=5D", "receipt-subject"),
        ("Content-Type: message/rfc822", "Content-Type: text/x-message", "receipt-returned"),
    ],
)
def test_a_mutant_of_a_receipt_is_refused_for_its_own_reason(old: str, new: str, rule: str) -> None:
    content = receipt(**FAILED)
    changed = content.replace(old.encode(), new.encode(), 1)
    assert changed != content
    assert broken(changed) == [rule]


def test_every_rule_is_broken_by_a_mutant() -> None:
    """Beside those of receipts and of sizes above, and the schema's in the test with the peers."""
    told = {rule for _, those in MUTANTS.values() for rule in those}
    others = {each for each in rules() if each.startswith("receipt-")}
    elsewhere = {"mail-large", "xml-large", "xml-schema", "ins-key", "cda-patient", "cda-pdfa"}
    assert set(rules()) == told | others | elsewhere


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8", "ins-key"),
        ("<recordTarget>", "<recordTarget/><recordTarget>", "cda-patient"),
        ('mediaType="application/pdf" representation="B64">', 'representation="B64">AAAA',
         "cda-pdfa"),
    ],
)  # fmt: skip
def test_a_document_alone_is_checked_too(old: str, new: str, rule: str) -> None:
    data = files_of(good())[DOCUMENT]
    if rule == "ins-key":
        data = data.replace(MATRICULE.encode(), WRONG.encode())
    report = check_cda(data.replace(old.encode(), new.encode()))
    assert rule in [each.rule.id for each in report.findings]


def test_a_file_of_xml_over_its_bound_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.messages.reading.MOST_XML", 1000)
    data = files_of(good())[DOCUMENT]
    assert [each.rule.id for each in check_cda(data).findings] == ["xml-large"]


def test_a_document_inside_of_its_own_stylesheet_is_read() -> None:
    data = files_of(good())[DOCUMENT].decode()
    start = data.index("<ClinicalDocument")
    sheet = (
        '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
        f"{data[start:]}</xsl:stylesheet>"
    )
    assert check_cda(sheet.encode()).verdict == "pass"


@pytest.mark.parametrize("row", rules().values(), ids=lambda row: row.id)
def test_a_rule_says_what_is_wrong_what_is_right_and_who_says_so(row: Any) -> None:
    texts = (row.french, row.english, row.remedy_french, row.remedy_english, row.clause, row.source)
    assert all(texts)
    assert row.severity in {"error", "warning"}
    assert row.knowledge in {"published", "second-hand", "inferred"}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(1, 60))
def test_a_message_with_changed_bytes_has_a_report(place: int, byte: int, count: int) -> None:
    content = bytearray(good())
    at = place % len(content)
    content[at : at + count] = bytes([byte]) * count
    assert check_message(bytes(content)).verdict in {"pass", "fail"}


def test_identities_of_one_archive_are_judged_each() -> None:
    """Not the same as the other's: a qualified one beside one of tests is O."""
    from sandbox.messages.compose import compose
    from tests.messages.made import letter

    first, second = letter(), letter(whole())
    both = replace(first, documents=(*first.documents, *second.documents))
    content = compose(both)
    assert b"X-MSS-INS: O" in content
    assert broken(content) == []
