"""Makes a list of the real one's size and shape (domain.md §2.1, §7.2): the real file is not ours.

6,494 entries, 4,944 domains (3,880 of them with one certificate, 710 with two, 247 with three,
103 with four, 4 with five, and 21 entries that say again what another says with other blanks),
391 certificates of 343 structures under 342 names, blanks that vary, one `L` for `ST`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import XMLSigner

from sandbox.trust import DomainList, ListEntry, parse_dn
from sandbox.trust.identity import luhn_key
from sandbox.trust.list_xml import NAMESPACE

DS = "{http://www.w3.org/2000/09/xmldsig#}"
NS = f"{{{NAMESPACE}}}"
DN_A = parse_dn("CN=mx1.a.mssante.test,OU=1119999993,O=A,ST=Aude (11),C=FR")
DN_B = parse_dn("CN=mx1.b.mssante.test,OU=399999999900003,O=B,ST=Paris (75),C=FR")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
GENERATED = datetime(2026, 2, 28, 15, 42, 7, tzinfo=UTC)
MULTIPLICITY = ((1, 3880), (2, 710), (3, 247), (4, 103), (5, 4))
REPEATED = 21
CERTIFICATES = (1,) * 316 + (2,) * 18 + (3, 3, 3, 4, 4, 4, 4, 4, 10)
_SEPARATORS = (",", ", ", ",  ", " , ")


def unit(number: int) -> str:
    """300 FINESS then 43 SIRET, all with their key."""
    if number < 300:
        stem = f"{number % 95 + 1:02d}{number:06d}"
        return f"1{stem}{luhn_key(stem)}"
    stem = f"{number:013d}"
    return f"3{stem}{luhn_key(stem)}"


def certificate_names() -> list[list[tuple[str, str]]]:
    """The attributes of the 391 certificates."""
    names = []
    for structure, count in enumerate(CERTIFICATES):
        label = 341 if structure == 342 else structure
        for host in range(count):
            names.append(
                [
                    ("CN", f"mx{host + 1}.op{structure}.mssante.test"),
                    ("OU", unit(structure)),
                    ("O", f"ETABLISSEMENT, N° {label}"),
                    ("ST", f"Département ({structure % 95 + 1:02d})"),
                    ("C", "FR"),
                ]
            )
    return names


def spelled(name: list[tuple[str, str]], style: int, *, locality: bool = False) -> str:
    separator = _SEPARATORS[style % len(_SEPARATORS)]
    return separator.join(
        f"{'L' if locality and key == 'ST' else key}={value}" for key, value in name
    )


def real_size_document() -> etree._Element:
    """The unsigned list."""
    root = etree.Element(f"{{{NAMESPACE}}}ListeBlancheMSSante", nsmap={None: NAMESPACE})

    def child(parent: etree._Element, name: str, text: str = "") -> etree._Element:
        element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
        element.text = text
        return element

    child(root, "DateDeGeneration", "2026-02-28T15:42:07Z")
    holder = child(root, "ListeDomaines")
    names = certificate_names()
    domain = 0
    written = 0

    def entry(domain: int, certificate: int, style: int) -> None:
        nonlocal written
        element = child(holder, "Domaine")
        updated = GENERATED - timedelta(days=(domain * 7 + certificate) % 1900)
        child(element, "Nom", f"d{domain}.mssante.test")
        child(
            element, "Description", "Messagerie sécurisée de santé de l'établissement " + "x" * 110
        )
        child(
            element,
            "DNCertificatOperateur",
            spelled(names[certificate], style, locality=written == 1234),
        )
        child(element, "ResponsableContact", f"responsable{domain}@etablissement{certificate}.test")
        child(element, "SupportContact", f"support{certificate}@operateur.test, 01 00 00 00 00")
        child(element, "DateMAJ", updated.strftime("%Y-%m-%dT%H:%M:%SZ"))
        written += 1

    for multiplicity, count in MULTIPLICITY:
        for _ in range(count):
            for place in range(multiplicity):
                entry(domain, (domain * 13 + place) % len(names), domain + place)
            domain += 1
    for again in range(REPEATED):
        entry(again, (again * 13) % len(names), again + 1)
    return root


def small(generated=None):
    entries = (
        ListEntry(domain="a.mssante.test", certificate=DN_A, description="A", updated=T0),
        ListEntry(domain="b.mssante.test", certificate=DN_B),
    )
    return DomainList((generated or datetime.now(UTC)).replace(microsecond=0), entries)


def sign_tree(root, signer, **changes):
    """Sign any tree as the list is signed, but for what a test changes."""
    choices = {
        "method": SignatureConstructionMethod.enveloped,
        "signature_algorithm": SignatureMethod.RSA_SHA256,
        "digest_algorithm": DigestAlgorithm.SHA256,
        "c14n_algorithm": CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    }
    made = XMLSigner(**(choices | changes)).sign(
        root, key=signer.key_pem, cert=signer.certificate_pem.decode()
    )
    return etree.tostring(made, xml_declaration=True, encoding="UTF-8")
