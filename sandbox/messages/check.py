"""Is this message what the référentiel asks? Bytes in, findings out; each by a rule of the table.

A message is opened as far as it can be: what cannot be read is a finding, and what is beyond it is
not looked at. Nothing that a stranger wrote is written, resolved or fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses
from typing import Any

from lxml import etree

from sandbox.messages import facts, receipts
from sandbox.messages.cda import NAMES, CdaHeader, read_cda
from sandbox.messages.compose import ARCHIVE, PREFIX
from sandbox.messages.ins import (
    PATIENT_LABEL,
    InsSystem,
    PatientIdentity,
    is_matricule,
    matricule_of_address,
    qualified,
)
from sandbox.messages.pdf import pdf_part
from sandbox.messages.rules import MessageRule, RuleBreach, RuleBreachError, header_rules, rules
from sandbox.messages.xdm import FOLDER, METADATA, Xdm, read_xdm

__all__ = ["MOST_BYTES", "MessageFinding", "MessageReport", "check_cda", "check_message"]

MOST_BYTES = 25_000_000  # of a message: Mon espace santé's 25 MB
_MOST_PARTS = 100
_OF_TESTS = (InsSystem.TEST_NIR, InsSystem.DEMO_NIR)
_REGEXP = "http://exslt.org/regular-expressions"
_COPY = re.compile(r"[0-9]{8}_[^_]+_[^_]+_[^_]+(_[^_]+)?\.pdf", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>@\s]{1,500}@[^<>@\s]{1,255}>")


@dataclass(frozen=True, slots=True)
class MessageFinding:
    """A rule that a message breaks, and where."""

    rule: MessageRule
    where: str
    seen: str = ""

    def tree(self) -> dict[str, str]:
        """Return it as JSON has it."""
        rule = self.rule
        return {
            "rule": rule.id, "clause": rule.clause, "severity": rule.severity, "where": self.where,
            "seen": self.seen, "knowledge": rule.knowledge, "french": rule.french,
            "english": rule.english, "remedy_french": rule.remedy_french,
            "remedy_english": rule.remedy_english,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class MessageReport:
    """What was found, the first things first."""

    findings: tuple[MessageFinding, ...]

    @property
    def verdict(self) -> str:
        """`pass` or `fail`: whether a finding is an error."""
        return "fail" if any(each.rule.severity == "error" for each in self.findings) else "pass"

    def tree(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"verdict": self.verdict, "findings": [each.tree() for each in self.findings]}


def check_message(content: bytes, schema: etree.XMLSchema | None = None) -> MessageReport:
    """Check a message, or a receipt.

    Args:
        content: as it is on the wire or in a file.
        schema: of CDA R2, which documents are held to as well.
    """
    return _report(_faults(content, schema))


def check_cda(content: bytes, schema: etree.XMLSchema | None = None) -> MessageReport:
    """Check a CDA document alone."""

    def faults() -> Iterator[RuleBreach]:
        try:
            header = read_cda(content)
        except RuleBreachError as error:
            yield error.fault
            return
        yield from _document(header, "CDA", schema)

    return _report(faults())


def _report(faults: Iterator[RuleBreach]) -> MessageReport:
    once = dict.fromkeys(faults)
    return MessageReport(
        tuple(MessageFinding(rules()[each.rule], each.where, each.seen) for each in once)
    )


def _faults(content: bytes, schema: etree.XMLSchema | None) -> Iterator[RuleBreach]:
    if len(content) > MOST_BYTES:
        yield RuleBreach("mail-large", "message", f"{len(content)} > {MOST_BYTES}")
        if len(content) > 2 * MOST_BYTES:
            return
    message = BytesParser(policy=compat32).parsebytes(content)
    parts = [part for _, part in zip(range(_MOST_PARTS + 1), message.walk(), strict=False)]
    if not message.keys() or len(parts) > _MOST_PARTS or any(part.defects for part in parts):
        defects = [type(each).__name__ for part in parts for each in part.defects]
        yield RuleBreach("mail-form", "message", ", ".join(dict.fromkeys(defects))[:160])
        return
    told = facts.facts_of_fields(message)
    yield from _head(message, told)
    if told.kind is facts.MessageKind.DISPOSITION:
        yield from _receipt(content, message)
        return
    if told.kind is facts.MessageKind.MESSAGE:
        yield from _text(parts)
        yield from _carried(message, parts, told, schema)


def _head(message: Message[str, str], told: facts.Facts) -> Iterator[RuleBreach]:
    if not _MESSAGE_ID.fullmatch(told.message_id):
        yield RuleBreach("mail-message-id", "Message-ID", told.message_id[:80])
    if ("In-Reply-To" in message) != ("References" in message):
        yield RuleBreach("mail-thread", "In-Reply-To, References")
    for name in told.faults:
        yield RuleBreach("header-value", name, str(message.get(name, ""))[:80])
    if not told.nil and facts.NIL not in told.faults and told.kind is facts.MessageKind.MESSAGE:
        yield RuleBreach("header-nil", facts.NIL)


def _text(parts: list[Message[str, str]]) -> Iterator[RuleBreach]:
    texts = [
        part
        for part in parts
        if part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
    ]
    if texts and not any(part.get_content_type() == "text/plain" for part in texts):
        yield RuleBreach("mail-text", "Content-Type", texts[0].get_content_type())
    for part in texts:
        charset = str(part.get_content_charset("us-ascii")).lower()
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if charset not in ("utf-8", "us-ascii") or not _decodes(payload, charset):
            yield RuleBreach("mail-charset", "Content-Type", charset[:40])


def _decodes(payload: bytes, charset: str) -> bool:
    try:
        payload.decode(charset)
    except UnicodeDecodeError:
        return False
    return True


def _carried(
    message: Message[str, str], parts: list[Message[str, str]], told: facts.Facts,
    schema: etree.XMLSchema | None,
) -> Iterator[RuleBreach]:  # fmt: skip
    files = [(str(part.get_filename() or ""), part) for part in parts if part.get_filename()]
    archives = [(name, _bytes(part)) for name, part in files if name.upper().endswith(".ZIP")]
    named = [(name, data) for name, data in archives if name.upper() == ARCHIVE]
    copies = [(name, _bytes(part)) for name, part in files if name.lower().endswith(".pdf")]
    for name, data in archives:
        if name.upper() != ARCHIVE and METADATA.encode() in data:
            yield RuleBreach("mail-archive-name", name[:80])
            named.append((name, data))
    if len(named) > 1:
        yield RuleBreach("mail-archives", ", ".join(name for name, _ in named)[:160])
    documents: list[CdaHeader] = []
    unread = False
    for _, data in named:
        try:
            xdm = read_xdm(data)
        except RuleBreachError as error:
            yield error.fault
            return
        yield from xdm.faults
        yield from _archive(xdm, schema)
        documents += xdm.documents.values()
        unread |= bool(xdm.faults)
    yield from _agreement(message, told, documents, unread=unread)
    yield from _copies(copies, documents)


def _bytes(part: Message[str, str]) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _archive(xdm: Xdm, schema: etree.XMLSchema | None) -> Iterator[RuleBreach]:
    if METADATA in xdm.files and not xdm.entries and not xdm.faults:
        yield RuleBreach("metadata-entries", METADATA)
    listed = {f"{FOLDER}{each.uri}" for each in xdm.entries}
    for name, data in xdm.files.items() if METADATA in xdm.files else ():
        other = name.upper().endswith(".XML") and name != METADATA and name not in listed
        if other and b"ClinicalDocument" in data[:65_536]:
            yield RuleBreach("metadata-unlisted", name[:80])
    for entry in xdm.entries:
        header = xdm.documents.get(entry.uri)
        if header is None:
            continue
        where = f"{FOLDER}{entry.uri}"
        data = xdm.files[where]
        if (
            entry.hash != hashlib.sha1(data, usedforsecurity=False).hexdigest()
            or entry.size != len(data)
        ):  # fmt: skip
            yield RuleBreach("metadata-hash", METADATA, entry.uri[:80])
        if entry.type != header.code:
            yield RuleBreach("metadata-type", METADATA, f"{entry.type[:40]} != {header.code[:40]}")
        if header.identity.matricule and entry.matricule != header.identity.matricule:
            yield RuleBreach("metadata-patient", METADATA, entry.matricule[:40])
        yield from _document(header, where, schema)


def _document(
    header: CdaHeader, where: str, schema: etree.XMLSchema | None
) -> Iterator[RuleBreach]:  # fmt: skip
    evaluate = etree.XPathEvaluator(header.root, namespaces={**NAMES, "re": _REGEXP})
    for rule in header_rules():
        if not evaluate(f"boolean({rule.xpath})"):
            yield RuleBreach(rule.id, where)
    if schema is not None and not schema.validate(header.root):
        yield RuleBreach("xml-schema", where, str(schema.error_log).partition("\n")[0][:160])
    identity = header.identity
    if identity.matricule and not is_matricule(identity.matricule):
        test = identity.system in _OF_TESTS
        yield RuleBreach("ins-key-test" if test else "ins-key", where, identity.matricule[:40])
    elif identity.matricule and not qualified(_as_real(identity)):
        yield RuleBreach("ins-traits", where, identity.system)
    if header.pdf and not pdf_part(header.pdf).startswith("1"):
        yield RuleBreach("cda-pdfa", where, pdf_part(header.pdf))


def _as_real(identity: PatientIdentity) -> PatientIdentity:
    """Return an identity of a test as if its matricule were a person's."""
    return replace(identity, system=InsSystem.NIR) if identity.system in _OF_TESTS else identity


def _agreement(
    message: Message[str, str], told: facts.Facts, documents: list[CdaHeader], *, unread: bool
) -> Iterator[RuleBreach]:
    if unread:
        return  # what could not be read cannot be compared
    codes = tuple(each.code for each in documents)
    if sorted(told.codes) != sorted(codes) and facts.CODECDA not in told.faults:
        yield RuleBreach("header-codecda", facts.CODECDA, ",".join(told.codes)[:80])
    whole = any(qualified(each.identity) for each in documents)
    right = (facts.QUALIFIED if whole else facts.UNQUALIFIED) if documents else ""
    if told.ins != right and facts.INS not in told.faults:
        yield RuleBreach("header-ins", facts.INS, told.ins)
    subject = facts.subject_of(message)
    if documents and not told.end and not _is_subject(subject, documents[0]):
        yield RuleBreach("mail-subject", "Subject", subject[:120])
    owners = {each.identity.matricule for each in documents if qualified(_as_real(each.identity))}
    named = getaddresses(message.get_all("To", []) + message.get_all("Cc", []))
    for _, address in named:
        domain = address.rpartition("@")[2].lower()
        if not domain.startswith(f"{PATIENT_LABEL}."):
            continue
        matricule = matricule_of_address(address)
        if not matricule or (documents and matricule not in owners):
            yield RuleBreach("patient-address", "To", address[:80])


def _is_subject(subject: str, document: CdaHeader) -> bool:
    if not subject.startswith(PREFIX) or not subject[len(PREFIX) :].strip():
        return False
    identity = document.identity
    born = f"{identity.birth_date:%d/%m/%Y}" if identity.birth_date else ""
    folded = subject.casefold()
    names = (identity.birth_name, identity.first_name)
    return (not born or subject.rstrip().endswith(born)) and all(
        each.casefold() in folded for each in names
    )


def _copies(copies: list[tuple[str, bytes]], documents: list[CdaHeader]) -> Iterator[RuleBreach]:
    if documents and len(copies) != len(documents):
        yield RuleBreach("mail-copy", "attachments", f"{len(copies)} PDF, {len(documents)} CDA")
    if not documents:
        return
    bodies = {each.pdf for each in documents}
    for name, data in copies:
        if not pdf_part(data).startswith("1"):
            yield RuleBreach("mail-copy-pdfa", name[:80], pdf_part(data))
        if not _COPY.fullmatch(name):
            yield RuleBreach("mail-copy-name", name[:80])
        if all(bodies) and data not in bodies:
            yield RuleBreach("mail-copy-differs", name[:80])


def _receipt(content: bytes, message: Message[str, str]) -> Iterator[RuleBreach]:
    try:
        receipt = receipts.read_receipt(content)
    except RuleBreachError as error:
        yield error.fault
        return
    subject = facts.subject_of(message)
    if receipt.code and not subject.startswith(f"{receipts.KO}[{receipt.code}]"):
        yield RuleBreach("receipt-subject", "Subject", subject[:120])
    returned = any(part.get_content_type() == "message/rfc822" for part in message.walk())
    if receipt.disposition is receipts.Disposition.PROCESSED and not returned:
        yield RuleBreach("receipt-returned", "message/rfc822")
