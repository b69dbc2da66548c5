"""CDA R2 documents of the French header (CI-SIS, "structuration minimale"): made, and read.

What is made is level 1: a header, and a PDF/A as its body. What is read may be of any level: the
header says who it is about, and its code what it is.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from lxml import etree

from sandbox.messages.documents import DocumentType
from sandbox.messages.ins import InsSystem, PatientIdentity
from sandbox.messages.reading import parse_xml
from sandbox.messages.rules import RuleBreachError

__all__ = [
    "NAMES",
    "STYLESHEET",
    "Author",
    "CdaHeader",
    "Document",
    "make_cda",
    "read_cda",
    "stamp",
    "template",
]

HL7 = "urn:hl7-org:v3"
NAMES = {"h": HL7}
STYLESHEET = "STYLE.XSL"
_DOCUMENT = f"{{{HL7}}}ClinicalDocument"
# A document may stand inside of the stylesheet that shows it (CI-SIS, "auto-présentable").
_SELF_SHOWING = "{http://www.w3.org/1999/XSL/Transform}stylesheet"
_SEXES = {"F": "Féminin", "M": "Masculin", "U": "Inconnu"}
_STAMP = "%Y%m%d%H%M%S+0000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote a document, and for whom; a fictitious one by default.

    Attributes:
        identity: national identifier, `8` and RPPS.
        given_name, surname: of the person.
        address: mailbox.
        profession: code of TRE_A02, and its name.
        organisation: national identifier of the structure, `1` and FINESS; its name.
        organisation_oid: under which the structure numbers its patients; ours, of an example arc.
        setting: XDS practice setting; facility: kind of structure.
    """

    address: str
    identity: str = "899700000017"
    given_name: str = "Camille"
    surname: str = "ESSAI"
    profession: str = "G15_10/SM26"
    profession_name: str = "Médecin - Qualifié en médecine générale (SM)"
    organisation: str = "1990000017"
    organisation_name: str = "Cabinet d'essai"
    organisation_oid: str = "2.999.250.1.1"
    setting: str = "AMBULATOIRE"
    setting_name: str = "Ambulatoire"
    facility: str = "SA07"
    facility_name: str = "Cabinet individuel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document to make.

    Attributes:
        type: of it.
        patient: whom it is about.
        author: who wrote it.
        oid: that names it.
        record: number of the patient at the author's structure.
        at: when it was written; `act`: when what it tells was done.
        version: from 1.
    """

    type: DocumentType
    patient: PatientIdentity
    author: Author
    oid: str
    record: str
    at: datetime
    act: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CdaHeader:
    """What is read of a document.

    Attributes:
        code, title: of the document.
        oid: root, with the extension after a caret where there is one.
        identity: of the patient, as far as it is given.
        author: identifier of the first author; organisation: of the structure that he writes for.
        set_id: what all versions of the document share.
        version: number, 0 where it cannot be read.
        at: when it was written, as it stands.
        pdf: the body where it is a PDF; empty for a structured one.
        root: the element, for rules.
    """

    code: str
    title: str
    oid: str
    identity: PatientIdentity
    author: str
    organisation: str
    set_id: str
    version: int
    at: str
    pdf: bytes = field(repr=False)
    root: etree._Element = field(repr=False)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("sandbox.messages"),
        autoescape=select_autoescape(("xml", "htm")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def template(name: str, **values: object) -> bytes:
    """Return a template of this package, filled."""
    return _templates().get_template(name).render(**values).encode()


def stamp(at: datetime) -> str:
    """Return an instant as HL7 writes it, in UTC."""
    return at.astimezone(UTC).strftime(_STAMP)


def make_cda(document: Document, pdf: bytes) -> bytes:
    """Return a CDA R2 document, level 1, with a PDF/A as its body."""
    return template(
        "cda.xml",
        d=document,
        p=document.patient,
        at=stamp(document.at),
        act=stamp(document.act),
        sexes=_SEXES,
        stylesheet=STYLESHEET,
        pdf=base64.b64encode(pdf).decode(),
    )


def read_cda(content: bytes, where: str = "CDA") -> CdaHeader:
    """Read the header of a document of any level.

    Raises:
        FaultError: not XML that is read here, or no CDA document.
    """
    root = parse_xml(content, where)
    if root.tag == _SELF_SHOWING:
        root = next(root.iter(_DOCUMENT), root)
    if root.tag != _DOCUMENT:
        raise RuleBreachError("cda-root", where, str(root.tag))

    def first(path: str) -> str:
        found = root.xpath(path, namespaces=NAMES)
        assert isinstance(found, list)
        return str(found[0]).strip() if found else ""

    extension = first("h:id/@extension")
    version = first("h:versionNumber/@value")
    return CdaHeader(
        code=first("h:code/@code"),
        title=first("h:title/text()"),
        oid=first("h:id/@root") + (f"^{extension}" if extension else ""),
        identity=_identity(root),
        author=first("h:author/h:assignedAuthor/h:id/@extension"),
        organisation=first("h:author/h:assignedAuthor/h:representedOrganization/h:id/@extension"),
        set_id=f"{first('h:setId/@root')}^{first('h:setId/@extension')}",
        version=int(version) if version.isdecimal() and len(version) < 10 else 0,
        at=first("h:effectiveTime/@value"),
        pdf=_pdf(root, where),
        root=root,
    )


def _identity(root: etree._Element) -> PatientIdentity:
    roles = root.findall("h:recordTarget/h:patientRole", NAMES)
    if not roles:
        return PatientIdentity()
    role = roles[0]
    systems = {each.value for each in InsSystem}
    ids = [
        (each.get("root") or "", each.get("extension") or "")
        for each in role.findall("h:id", NAMES)
    ]
    system, matricule = next((each for each in ids if each[0] in systems), ("", ""))

    def text(paths: Sequence[str]) -> str:
        for path in paths:
            found = role.find(path, NAMES)
            if found is not None and (found.text or "").strip():
                return (found.text or "").strip()
        return ""

    sex = role.find("h:patient/h:administrativeGenderCode", NAMES)
    born = role.find("h:patient/h:birthTime", NAMES)
    return PatientIdentity(
        matricule=matricule,
        system=system,
        birth_name=text(["h:patient/h:name/h:family[@qualifier='BR']"]),
        first_name=text(["h:patient/h:name/h:given[@qualifier='BR']", "h:patient/h:name/h:given"]),
        birth_date=_date(born.get("value") or "") if born is not None else None,
        sex=(sex.get("code") or "") if sex is not None else "",
    )


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _pdf(root: etree._Element, where: str) -> bytes:
    text = root.find("h:component/h:nonXMLBody/h:text", NAMES)
    if text is None or text.get("representation") != "B64":
        return b""
    try:
        return base64.b64decode("".join((text.text or "").split()), validate=True)
    except ValueError as error:
        raise RuleBreachError("cda-base64", where, str(error)) from None
