"""How software sends a health document: IHE_XDM.ZIP, its metadata, its PDF copy, its headers."""

from __future__ import annotations

import io
import re
import zipfile
from email.message import EmailMessage

from sandbox.conformance.client.checks.message import parsed
from sandbox.conformance.client.letters import NIR_OID, PATIENT
from sandbox.conformance.client.look import Look, check
from sandbox.conformance.client.steps import Profile
from sandbox.conformance.findings import Fail, Unsure

__all__: list[str] = []

_EDITED = (Profile.LPS, Profile.ROBOT)
CODE = "11502-2"  # of the document given
LARGEST = 32 * 1024 * 1024  # octets of one entry that are read
_PDF = re.compile(r"[0-9-]{8,10}_[^_]+(_[^_]+)*_{surname}_{given}_[^_]+\.pdf".replace(
    "{surname}", PATIENT.surname).replace("{given}", PATIENT.given_name), re.I)  # fmt: skip


def _message(look: Look) -> EmailMessage:
    message = parsed(look.sent("document")[1])
    for part in message.walk():
        if part.get_filename():
            look.transcript.note("#", f"{part.get_content_type()} {part.get_filename()}")
    return message


def _archive(look: Look) -> dict[str, bytes]:
    """Return the entries of IHE_XDM.ZIP by name, upper case.

    Raises:
        LookupError: there is none, or it is no ZIP.
    """
    for part in _message(look).walk():
        if (part.get_filename() or "").upper() != "IHE_XDM.ZIP":
            continue
        content = part.get_payload(decode=True)
        archive = io.BytesIO(content if isinstance(content, bytes) else b"")
        try:
            with zipfile.ZipFile(archive) as file:
                entries = [each for each in file.infolist() if each.file_size <= LARGEST]
                look.transcript.note("#", " ".join(each.filename for each in entries)[:150])
                return {each.filename.upper(): file.read(each) for each in entries[:100]}
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            break
    raise LookupError


@check("client-xdm", "document", profiles=_EDITED)
def _(look: Look) -> None:
    try:
        entries = _archive(look)
    except LookupError:
        raise Fail("pas de pièce IHE_XDM.ZIP lisible", "no IHE_XDM.ZIP that can be read") from None
    metadata = [name for name in entries if name.endswith("/METADATA.XML")]
    documents = [each for name, each in entries.items()
                 if name.endswith(".XML") and b"ClinicalDocument" in each]  # fmt: skip
    if not metadata or not documents:
        raise Fail(
            "IHE_XDM.ZIP sans METADATA.XML et CDA R2 (IHE_XDM/SUBSET01/…)",
            "IHE_XDM.ZIP without METADATA.XML and a CDA R2 (IHE_XDM/SUBSET01/…)",
        )


@check("client-ins", "document", profiles=_EDITED)
def _(look: Look) -> None:
    try:
        entries = _archive(look)
    except LookupError:
        raise Unsure("pas de IHE_XDM.ZIP à lire", "no IHE_XDM.ZIP to read") from None
    metadata = b"".join(each for name, each in entries.items() if name.endswith("/METADATA.XML"))
    if PATIENT.ins.encode() not in metadata or NIR_OID.encode() not in metadata:
        raise Fail(
            "METADATA.XML sans le matricule INS et son OID (patientId)",
            "METADATA.XML without the INS and its OID (patientId)",
        )


@check("client-subject", "document", profiles=_EDITED)
def _(look: Look) -> None:
    subject = " ".join(str(_message(look).get("Subject", "")).split())
    look.transcript.note("#", f"Subject: {subject}")
    shape = rf"XDM/1\.0/DDM\+.+ {PATIENT.surname} {PATIENT.given_name} \S*\d.*"
    if not re.fullmatch(shape, subject, re.I):
        raise Fail(
            "l'objet n'est pas XDM/1.0/DDM+<libellé> <NOM> <prénom> <date de naissance>",
            "the subject is not XDM/1.0/DDM+<label> <NAME> <given name> <date of birth>",
        )


@check("client-pdf", "document", profiles=_EDITED)
def _(look: Look) -> None:
    for part in _message(look).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and content.startswith(b"%PDF-"):
            if _PDF.fullmatch(part.get_filename() or ""):
                return
            raise Fail(
                "la copie PDF ne se nomme pas <date>_<type>_<NOM>_<prénom>_<n° dossier>.pdf",
                "the PDF copy is not named <date>_<type>_<NAME>_<given name>_<file number>.pdf",
            )
    raise Fail("pas de copie PDF du document", "no PDF copy of the document")


def _header(look: Look, name: str, wanted: str) -> None:
    value = str(_message(look).get(name, "")).strip()
    look.transcript.note("#", f"{name}: {value or '(–)'}")
    if value != wanted:
        raise Fail(f"{name} « {value} » ; attendu {wanted}", f'{name} "{value}"; expected {wanted}')


@check("client-code-cda", "document", profiles=_EDITED)
def _(look: Look) -> None:
    _header(look, "X-MSS-CODECDA", CODE)


@check("client-header-ins", "document", profiles=_EDITED)
def _(look: Look) -> None:
    _header(look, "X-MSS-INS", "O")
