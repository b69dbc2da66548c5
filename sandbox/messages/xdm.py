"""IHE_XDM.ZIP: the archive that carries documents (IHE ITI TF-2 §3.32), made, and read in bounds.

A stranger made what is read: names, counts and sizes are checked against what is really there, not
against what the archive says of itself, and nothing is ever written to a disk.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from sandbox.messages.cda import STYLESHEET, CdaHeader, Document, read_cda, stamp, template
from sandbox.messages.reading import parse_xml
from sandbox.messages.rules import RuleBreach, RuleBreachError

__all__ = ["METADATA", "DocumentEntry", "Xdm", "make_xdm", "read_xdm"]

FOLDER = "IHE_XDM/SUBSET01/"
METADATA = f"{FOLDER}METADATA.XML"
INDEX, README = "INDEX.HTM", "README.TXT"
MOST_FILES = 200
MOST_BYTES = 64 * 1024 * 1024  # of all files of an archive, expanded
MOST_RATIO = 200  # of a file to its compressed bytes, beyond the first MiB
_FREE = 1024 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file: equal documents give equal bytes
_RIM = {"rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"}
_DOCUMENT_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
_DOCUMENT_TYPE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
_BAD_NAME = re.compile(r"[\\\0-\x1f\x7f]|^/|^[A-Za-z]:|(^|/)\.\.(/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEntry:
    """What METADATA.XML says of one document.

    Attributes:
        uri: its file, beside METADATA.XML.
        type: code.
        patient_id: as written: `MATRICULE^^^&OID&ISO^NH`.
        hash: SHA-1, hexadecimal, lower case.
        size: bytes; -1 where it is no number.
    """

    uri: str
    type: str
    patient_id: str
    hash: str
    size: int

    @property
    def matricule(self) -> str:
        """The patient's identifier alone (ECO.2.1.2)."""
        return self.patient_id.partition("^")[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Xdm:
    """What an archive holds.

    Attributes:
        files: content by name.
        entries: of METADATA.XML.
        documents: CDA documents by URI, those that could be read.
        faults: what is wrong with it, short of not being readable.
    """

    files: dict[str, bytes]
    entries: tuple[DocumentEntry, ...]
    documents: dict[str, CdaHeader]
    faults: tuple[RuleBreach, ...]


def make_xdm(documents: Sequence[tuple[Document, bytes]]) -> bytes:
    """Return an archive of CDA documents, one or more: equal documents give equal bytes."""
    entries = [
        {
            "document": document,
            "id": f"DOC{number:02d}",
            "uri": f"DOC{number:05d}.XML",
            "hash": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "size": len(content),
            "created": stamp(document.at)[:14],
            "act": stamp(document.act)[:14],
            "patient_id": _patient_id(document),
            "patient_info": _patient_info(document),
        }
        for number, (document, content) in enumerate(documents, start=1)
    ]
    submitted = stamp(max(document.at for document, _ in documents))[:14]
    files = {
        INDEX: template("index.htm", entries=entries),
        README: template("readme.txt", entries=entries),
        METADATA: template("metadata.xml", entries=entries, submitted=submitted),
        f"{FOLDER}{STYLESHEET}": template("style.xsl"),
    }
    for each, (_, content) in zip(entries, documents, strict=True):
        files[f"{FOLDER}{each['uri']}"] = content
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def _patient_id(document: Document) -> str:
    identity = document.patient
    if identity.matricule:
        return f"{identity.matricule}^^^&{identity.system}&ISO^NH"
    return f"{document.record}^^^&{document.author.organisation_oid}&ISO^PI"


def _patient_info(document: Document) -> list[str]:
    identity = document.patient
    born = identity.birth_date
    return [
        f"PID-5|{identity.birth_name}^{identity.first_name}^^^^^L",
        f"PID-7|{born:%Y%m%d}" if born else "PID-7|",
        f"PID-8|{identity.sex}",
    ]


def read_xdm(content: bytes) -> Xdm:
    """Read an archive.

    Raises:
        FaultError: it cannot be read, or may not be.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = _files(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, UnicodeError, ValueError) as error:
        raise RuleBreachError("zip-form", "IHE_XDM.ZIP", str(error)) from None
    faults: list[RuleBreach] = []
    for name in (INDEX, README, METADATA):
        if name not in files:
            faults.append(RuleBreach("xdm-layout", name))
    entries: tuple[DocumentEntry, ...] = ()
    if METADATA in files:
        try:
            entries = _entries(parse_xml(files[METADATA], METADATA))
        except RuleBreachError as error:
            faults.append(error.fault)
    documents = {}
    for entry in entries:
        name = f"{FOLDER}{entry.uri}"
        if name not in files:
            faults.append(RuleBreach("metadata-uri", METADATA, entry.uri[:80]))
            continue
        try:
            documents[entry.uri] = read_cda(files[name], name)
        except RuleBreachError as error:
            faults.append(error.fault)
    return Xdm(files=files, entries=entries, documents=documents, faults=tuple(faults))


def _files(archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    if len(infos) > MOST_FILES:
        raise RuleBreachError("zip-bomb", "IHE_XDM.ZIP", f"{len(infos)} > {MOST_FILES}")
    files: dict[str, bytes] = {}
    left = MOST_BYTES
    for info in infos:
        name = info.filename
        if _BAD_NAME.search(name) or (info.external_attr >> 28) == 0xA:  # a symbolic link
            raise RuleBreachError("zip-path", "IHE_XDM.ZIP", name)
        if name in files:
            raise RuleBreachError("zip-twice", "IHE_XDM.ZIP", name)
        if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
            raise RuleBreachError("zip-method", "IHE_XDM.ZIP", name)
        if info.is_dir():
            continue
        most = min(left, _FREE + MOST_RATIO * info.compress_size)
        with archive.open(info) as file:
            data = file.read(most + 1)  # what is there, whatever the directory says of its size
        if len(data) > most:
            raise RuleBreachError("zip-bomb", "IHE_XDM.ZIP", name)
        left -= len(data)
        files[name] = data
    return files


def _entries(root: etree._Element) -> tuple[DocumentEntry, ...]:
    found = []
    for each in root.iter(f"{{{_RIM['rim']}}}ExtrinsicObject"):
        slots = {
            slot.get("name") or "": (
                slot.findtext("rim:ValueList/rim:Value", "", _RIM) or ""
            ).strip()
            for slot in each.findall("rim:Slot", _RIM)
        }
        patient, kind = "", ""
        for one in each.findall("rim:ExternalIdentifier", _RIM):
            if one.get("identificationScheme") == _DOCUMENT_PATIENT:
                patient = one.get("value") or ""
        for one in each.findall("rim:Classification", _RIM):
            if one.get("classificationScheme") == _DOCUMENT_TYPE:
                kind = one.get("nodeRepresentation") or ""
        size = slots.get("size", "")
        found.append(
            DocumentEntry(
                uri=slots.get("URI", ""),
                type=kind,
                patient_id=patient.strip(),
                hash=slots.get("hash", "").lower(),
                size=int(size) if size.isdecimal() and len(size) < 12 else -1,
            )
        )
    return tuple(found)
