"""XML of strangers, read within bounds: no entity, no document type, no network, no huge node."""

from __future__ import annotations

from lxml import etree

from sandbox.messages.rules import RuleBreachError

__all__ = ["MOST_XML", "parse_xml"]

MOST_XML = 32 * 1024 * 1024  # bytes
_ENCODINGS = frozenset(("UTF-8", "US-ASCII", "ASCII"))


def parse_xml(content: bytes, where: str) -> etree._Element:
    """Return the root of a document.

    libxml2's own limits hold too (`huge_tree` off): 10 MB in one node, 256 levels.

    Args:
        content: bytes.
        where: names the document in errors.

    Raises:
        FaultError: `xml-large`, `xml-doctype`, `xml-encoding` or `xml-form`.
    """
    if len(content) > MOST_XML:
        raise RuleBreachError("xml-large", where, f"{len(content)} > {MOST_XML}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        told = "xml-doctype" if _has_doctype(content) else "xml-form"
        raise RuleBreachError(told, where, str(error)) from None
    except (ValueError, LookupError) as error:
        raise RuleBreachError("xml-form", where, str(error)) from None
    info = root.getroottree().docinfo
    if info.internalDTD is not None:
        raise RuleBreachError("xml-doctype", where)
    if info.encoding and info.encoding.upper() not in _ENCODINGS:
        raise RuleBreachError("xml-encoding", where, info.encoding)
    return root


def _has_doctype(content: bytes) -> bool:
    return b"<!DOCTYPE" in content[:65_536] or b"<\0!\0D\0O\0C\0T" in content[:65_536]
