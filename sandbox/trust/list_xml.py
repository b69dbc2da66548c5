"""The list as XML: written and signed as the real one, read only where it is signed.

Shape (namespace `https://listeblanche.mssante.fr/schema`, measured on the real list): the date of
generation, entries, and an enveloped XMLDSig over the whole document, exclusive C14N and
RSA-SHA256, with the signer's certificate in KeyInfo.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from sandbox.space.errors import UserError
from sandbox.trust.dn import parse_dn
from sandbox.trust.domain_list import DomainLedger, DomainList, ListEntry, normal_domain
from sandbox.trust.issuing import Issued

__all__ = [
    "NAMESPACE",
    "ListError",
    "ListPublisher",
    "build_xml",
    "parse_document",
    "read_entries",
    "sign_list",
]

NAMESPACE = "https://listeblanche.mssante.fr/schema"
MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 200_000
_FIELDS = (
    "Nom",
    "Description",
    "DNCertificatOperateur",
    "ResponsableContact",
    "SupportContact",
    "DateMAJ",
)
# Characters that XML 1.0 cannot carry.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# Code of a reason to refuse a list -> what it is, in French; the English says the particulars.
REASONS_FR = {
    "too-large": "liste trop grande",
    "not-xml": "ce n'est pas du XML",
    "doctype": "déclaration de type de document",
    "namespace": "ce n'est pas une liste de domaines",
    "shape": "structure inattendue",
    "unsigned": "aucune signature",
    "wrapping": "la signature ne porte pas sur la liste entière, et elle seule",
    "algorithm": "algorithme de signature refusé",
    "duplicate-id": "identifiant en double",
    "signer": "ce certificat ne peut pas signer la liste",
    "signer-expired": "certificat du signataire hors de sa validité",
    "signer-revoked": "certificat du signataire révoqué",
    "untrusted": "signataire d'aucune autorité connue",
    "tampered": "le contenu n'est pas celui qui a été signé",
    "signature": "signature illisible",
    "future": "date de génération dans le futur",
    "expired": "liste trop ancienne",
    "replayed": "plus ancienne que la liste en vigueur",
}


class ListError(Exception):
    """A list that must be refused. Its text says why, in one line, French first.

    Attributes:
        code: Stable name of the reason, a key of `REASONS_FR`.
    """

    def __init__(self, code: str, english: str) -> None:
        super().__init__(f"{REASONS_FR[code]} / {english}")
        self.code = code


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _child(parent: etree._Element, name: str, text: str) -> None:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if _FORBIDDEN.search(text):
        raise UserError(
            "contient un caractère de contrôle ; l'ôter",
            "holds a control character; remove it",
            where=f"{name}: {text!r}",
        )
    element.text = text


def build_xml(domains: DomainList) -> etree._Element:
    """Return the list as an unsigned element."""
    root = etree.Element(f"{{{NAMESPACE}}}ListeBlancheMSSante", nsmap={None: NAMESPACE})  # type: ignore[dict-item] # the stubs forget the default
    _child(root, "DateDeGeneration", _stamp(domains.generated))
    holder = etree.SubElement(root, f"{{{NAMESPACE}}}ListeDomaines")
    for entry in domains.entries:
        element = etree.SubElement(holder, f"{{{NAMESPACE}}}Domaine")
        updated = _stamp(entry.updated) if entry.updated else ""
        values = (
            entry.domain,
            entry.description,
            str(entry.certificate),
            entry.responsible,
            entry.support,
            updated,
        )
        for name, value in zip(_FIELDS, values, strict=True):
            _child(element, name, value)
    return root


def sign_list(domains: DomainList, signer: Issued) -> bytes:
    """Return the list, signed by the list-signing certificate, as UTF-8 XML."""
    root = build_xml(domains)
    signed = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    ).sign(root, key=signer.key_pem, cert=signer.certificate_pem.decode())
    return etree.tostring(signed, xml_declaration=True, encoding="UTF-8")


def parse_document(data: bytes) -> etree._Element:
    """Parse bytes that nobody vouches for yet.

    No DTD, no entity, no network, libxml2's own limits on depth and text size.

    Raises:
        ListError: too large, not XML, a document type declaration.
    """
    if len(data) > MAX_BYTES:
        raise ListError("too-large", f"{len(data)} bytes; the limit is {MAX_BYTES}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ListError("not-xml", f"not well-formed XML: {error.msg}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ListError("doctype", "a document type declaration; the list has none")
    return root


def _texts(parent: etree._Element) -> dict[str, str]:
    """Return the text of each child that holds only text, by its name in the list's namespace."""
    texts: dict[str, str] = {}
    for element in parent.iterchildren(f"{{{NAMESPACE}}}*"):
        name = str(element.tag)[len(NAMESPACE) + 2 :]
        if len(element):
            continue
        if name in texts:
            raise ListError("shape", f"{name} occurs twice")
        texts[name] = (element.text or "").strip()
    return texts


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def read_entries(root: etree._Element) -> DomainList:
    """Read the content of a list. Call it on the element whose signature was verified.

    Raises:
        ListError: another namespace, another root, a wrong date, name or certificate name.
    """
    if root.tag != f"{{{NAMESPACE}}}ListeBlancheMSSante":
        raise ListError(
            "namespace", f"root {root.tag}; a list is {{{NAMESPACE}}}ListeBlancheMSSante"
        )
    generated = _moment(_texts(root).get("DateDeGeneration", ""))
    holders = root.findall(f"{{{NAMESPACE}}}ListeDomaines")
    if generated is None:
        raise ListError("shape", "DateDeGeneration is absent or is not a date")
    if len(holders) != 1:
        raise ListError("shape", f"{len(holders)} ListeDomaines; a list has one")
    elements = holders[0].findall(f"{{{NAMESPACE}}}Domaine")
    if len(elements) > MAX_ENTRIES:
        raise ListError("too-large", f"{len(elements)} entries; the limit is {MAX_ENTRIES}")
    return DomainList(generated, tuple(_entry(n, e) for n, e in enumerate(elements, 1)))


def _entry(number: int, element: etree._Element) -> ListEntry:
    texts = _texts(element)
    name, description, certificate, responsible, support, updated = (
        texts.get(field, "") for field in _FIELDS
    )
    try:
        return ListEntry(
            domain=normal_domain(name),
            certificate=parse_dn(certificate),
            description=description,
            responsible=responsible,
            support=support,
            updated=_moment(updated),
        )
    except (ValueError, UnicodeError) as error:
        raise ListError("shape", f"entry {number} ({name}): {error}") from None


_FRESH = timedelta(days=1)  # age at which a signed list is generated anew


class ListPublisher:
    """Gives the signed list of a ledger.

    Args:
        ledger: The history.
        signer: The list-signing certificate.
        clock: Gives the time, UTC.
    """

    def __init__(self, ledger: DomainLedger, signer: Issued, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._signer = signer
        self._clock = clock
        self._signed = b""
        self._events = -1
        self._made: datetime | None = None
        self._lock = threading.Lock()

    def current(self) -> bytes:
        """Return the signed list as it stands now."""
        now = self._clock()
        with self._lock:
            events = len(self._ledger.history())
            aged = self._made is None or not timedelta(0) <= now - self._made < _FRESH
            if events != self._events or aged:
                self._signed = sign_list(self._ledger.at(now), self._signer)
                self._events, self._made = events, now
            return self._signed
