"""Forgeries: what is done to a signed list, and the reason of the refusal."""

import copy

from lxml import etree

from sandbox.trust import (
    DomainList,
    ListEntry,
)
from sandbox.trust.list_xml import build_xml

from .conftest import now
from .lists import DN_B, DS


def edit(change):
    """Return a forgery that changes the parsed tree of a good list."""

    def forge(data):
        root = etree.fromstring(data)
        replaced = change(root)
        return etree.tostring(root if replaced is None else replaced)

    return forge


def algorithm(path, uri):
    def change(root):
        for element in root.iter(f"{DS}{path}"):
            element.set("Algorithm", uri)

    return edit(change)


def add_entry(root):
    root[1].append(copy.deepcopy(root[1][0]))
    root[1][-1][0].text = "pirate.test"


def wrap_by_reference(root):
    """The classic: the signed tree moved aside, the reference made to follow it."""
    evil = build_xml(DomainList(now(), (ListEntry(domain="pirate.test", certificate=DN_B),)))
    signature = root[2]
    root.remove(signature)
    root.set("Id", "original")
    next(signature.iter(f"{DS}Reference")).set("URI", "#original")
    aside = etree.SubElement(signature, f"{DS}Object")
    aside.append(root)
    evil.append(signature)
    return evil


def wrap_whole(root):
    """The signed list, untouched, inside another one."""
    evil = build_xml(DomainList(now(), (ListEntry(domain="pirate.test", certificate=DN_B),)))
    evil.append(root)
    return evil


def wrap_in_object(root):
    evil = build_xml(DomainList(now(), (ListEntry(domain="pirate.test", certificate=DN_B),)))
    signature = copy.deepcopy(root[2])
    etree.SubElement(signature, f"{DS}Object").append(root[1])
    evil.append(signature)
    return evil


def second_signature(root):
    root.append(copy.deepcopy(root[2]))


def second_reference(root):
    info = root[2][0]
    info.append(copy.deepcopy(info[-1]))


def second_certificate(root):
    holder = next(root.iter(f"{DS}X509Data"))
    holder.append(copy.deepcopy(holder[0]))


def broken_certificate(root):
    next(root.iter(f"{DS}X509Certificate")).text = "AAAA"


def extra_transform(uri):
    def change(root):
        transforms = next(root.iter(f"{DS}Transforms"))
        etree.SubElement(transforms, f"{DS}Transform").set("Algorithm", uri)

    return edit(change)


def duplicate_ids(root):
    root[1].set("Id", "x")
    root[1][0].set("ID", "x")


def before(root_text, inserted):
    def forge(data):
        return data.replace(root_text, inserted + root_text, 1)

    return forge


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
FILE = b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
REMOTE = b'<!DOCTYPE l SYSTEM "http://127.0.0.1:9/evil.dtd">'
ROOT = b"<ListeBlancheMSSante"
FORGERIES = {
    "an entry changed": (lambda d: d.replace(b"a.mssante", b"c.mssante", 1), "tampered"),
    "a blank added": (lambda d: d.replace(b"<Nom>", b"<Nom> ", 1), "tampered"),
    "an entry added": (edit(add_entry), "tampered"),
    "an attribute added": (edit(lambda r: r[1].set("x", "y")), "tampered"),
    "the date moved": (
        lambda d: d.replace(b"DateDeGeneration>20", b"DateDeGeneration>19"),
        "tampered",
    ),
    "the signature removed": (edit(lambda r: r.remove(r[2])), "unsigned"),
    "the signature value changed": (
        edit(lambda r: setattr(r[2][1], "text", r[2][1].text[:-8] + "AAAAAA==")),
        "tampered",
    ),
    "entities that expand": (before(ROOT, LAUGHS), "doctype"),
    "a file as entity": (before(ROOT, FILE), "doctype"),
    "a document type elsewhere": (before(ROOT, REMOTE), "doctype"),
    "an entity used": (
        lambda d: before(ROOT, LAUGHS)(d).replace(b"a.mssante", b"&c;.mssante", 1),
        "doctype",
    ),
    "a document type in UTF-16": (
        lambda d: before(ROOT.decode(), LAUGHS.decode())(d.decode().split("?>", 1)[1]).encode(
            "utf-16"
        ),
        "doctype",
    ),
    "wrapped by reference": (edit(wrap_by_reference), "wrapping"),
    "wrapped whole": (edit(wrap_whole), "wrapping"),
    "wrapped in an Object": (edit(wrap_in_object), "wrapping"),
    "two signatures": (edit(second_signature), "wrapping"),
    "two references": (edit(second_reference), "wrapping"),
    "a reference to an identifier": (
        edit(lambda r: next(r.iter(f"{DS}Reference")).set("URI", "#x")),
        "wrapping",
    ),
    "a reference to a file": (
        edit(lambda r: next(r.iter(f"{DS}Reference")).set("URI", "file:///etc/hostname")),
        "wrapping",
    ),
    "two certificates": (edit(second_certificate), "signer"),
    "a broken certificate": (edit(broken_certificate), "signer"),
    "no KeyInfo": (edit(lambda r: r[2].remove(r[2][2])), "signer"),
    "duplicate identifiers": (edit(duplicate_ids), "duplicate-id"),
    "SHA-1 as signature": (
        algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        "algorithm",
    ),
    "HMAC with the public key": (
        algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        "algorithm",
    ),
    "SHA-1 as digest": (
        algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"),
        "algorithm",
    ),
    "inclusive canonicalisation": (
        algorithm("CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        "algorithm",
    ),
    "an XSLT transform": (
        extra_transform("http://www.w3.org/TR/1999/REC-xslt-19991116"),
        "algorithm",
    ),
    "an XPath transform": (
        extra_transform("http://www.w3.org/TR/1999/REC-xpath-19991116"),
        "algorithm",
    ),
    "not XML": (lambda _: b"domain;type;finess;date\n", "not-xml"),
    "empty": (lambda _: b"", "not-xml"),
    "cut": (lambda d: d[: len(d) // 2], "not-xml"),
    "a depth that exhausts a stack": (lambda _: b"<a>" * 5000 + b"</a>" * 5000, "not-xml"),
}
