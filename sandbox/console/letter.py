"""A message as a person may look at it, whoever wrote it. Pure: bytes in, frozen values out.

Strangers write mail: headers are text without characters that move or hide, names of files are
names, and of HTML only what shows is left. The frame that shows it runs and fetches nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import lxml.html
from lxml import etree

from sandbox.operators.imap.header import Field, content_value, decoded, first, in_charset
from sandbox.operators.imap.mime import BodyPart, parse_message
from sandbox.operators.imap.responses import No
from sandbox.operators.imap.sections import decode_body

__all__ = ["Attachment", "ShownMessage", "harmless", "harmless_html", "letter", "part_content"]

_TEXT = 1_000_000  # characters of a text that are shown
_HTML = 4 * 2**20
_HEADERS = 200
_PIECE = re.compile(rb"([a-z]+)\*([0-9]{1,3})?(\*)?")
_GONE = (
    "script", "link", "meta", "base", "iframe", "frame", "frameset", "object", "embed", "applet",
    "form", "noscript", "template", "svg", "math", "audio", "video", "source", "track", "portal",
)  # fmt: skip
_KEPT_ATTRIBUTES = frozenset(
    (
        "align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "class", "color",
        "colspan", "dir", "face", "height", "lang", "rowspan", "size", "style", "title", "valign",
        "width",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is saved: its number in the message, name, type and size in octets."""

    number: int
    name: str
    type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """A message.

    Attributes:
        headers: name and decoded value, in the message's own order.
        text: its plain text; empty when there is none.
        html: whether it has HTML.
        attachments: what can be saved.
    """

    headers: tuple[tuple[str, str], ...]
    text: str
    html: bool
    attachments: tuple[Attachment, ...]

    def first(self, name: str) -> str:
        """Return the first header of a name, empty for none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def harmless(text: str, lines: bool = False) -> str:
    """Return a stranger's text: no character that is obeyed or turns the text round."""
    kept = "\n\t" if lines else ""
    return "".join(each if each.isprintable() or each in kept else "\ufffd" for each in text)


def letter(content: bytes) -> ShownMessage:
    """Return a message as it is shown."""
    message = parse_message(content)
    text, html, attachments = "", False, []
    for number, part in _leaves(message):
        kind = f"{part.type.decode('latin-1')}/{part.subtype.decode('latin-1')}"
        name = _name(part)
        if not name and kind == "text/plain" and not text:
            text = _text(content, part)
        elif not name and kind == "text/html" and not html:
            html = True
        else:
            attachments.append(
                Attachment(
                    number=number, name=name or f"partie-{number}", type=harmless(kind),
                    size=len(_body(content, part)),
                )
            )  # fmt: skip
    return ShownMessage(
        headers=tuple(_header(each) for each in message.fields[:_HEADERS] if each.name),
        text=text,
        html=html,
        attachments=tuple(attachments),
    )


def part_content(content: bytes, number: int) -> tuple[bytes, str] | None:
    """Return a part's octets and its file name; None when there is no such part."""
    for each, part in _leaves(parse_message(content)):
        if each == number:
            return _body(content, part), _name(part) or f"partie-{number}"
    return None


def harmless_html(content: bytes) -> bytes | None:
    """Return what shows of a message's HTML; None when it has none.

    No script, no frame, no form, no address that would be fetched or followed is left; images that
    the message itself carries in `data:` stay.
    """
    for _, part in _leaves(parse_message(content)):
        if (part.type, part.subtype) == (b"text", b"html") and not _name(part):
            return _cleaned(_text(content, part, _HTML))
    return None


def _cleaned(html: str) -> bytes:
    try:
        # No declaration of its own: this is text already.
        tree = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=_parser())
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return b"<!doctype html><title></title>"
    etree.strip_elements(tree, *_GONE, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    for element in tree.iter():
        if element.tag == "style" and _fetches(element.text or ""):
            element.text = ""
        if _fetches(str(element.attrib.get("style", ""))):
            del element.attrib["style"]
        for name in list(element.attrib):
            shown = name == "src" and element.tag == "img"
            inline = str(element.attrib[name]).strip().lower().startswith("data:image/")
            if name == "href" and element.tag == "a":
                element.attrib["title"] = element.attrib[name]
            if name not in _KEPT_ATTRIBUTES and not (shown and inline):
                del element.attrib[name]
    body: bytes = lxml.html.tostring(tree, encoding="utf-8", doctype="<!doctype html>")
    return body


def _fetches(style: str) -> bool:
    """Tell whether a style might ask for an address; an escape may hide that it does."""
    lower = style.lower()
    return any(word in lower for word in ("url", "@import", "image", "src", "\\"))


def _parser() -> lxml.html.HTMLParser:
    return lxml.html.HTMLParser(encoding="utf-8", no_network=True, recover=True, huge_tree=False)


def _leaves(message: BodyPart) -> Iterator[tuple[int, BodyPart]]:
    number = 0
    for part in message.walk():
        if not part.parts:
            number += 1
            yield number, part


def _header(field: Field) -> tuple[str, str]:
    name = "-".join(word.capitalize() for word in field.name.decode("latin-1").split("-"))
    return harmless(name), harmless(decoded(field.value).replace("\t", " "))


def _name(part: BodyPart) -> str:
    """Return the name of a file, never a path; empty for none."""
    parameters = dict(part.parameters)
    disposition = first(part.fields, b"content-disposition")
    kind = b""
    if disposition is not None:
        kind, given = content_value(disposition)
        parameters |= dict(given)
    name = _parameter(parameters, b"filename") or _parameter(parameters, b"name")
    name = harmless(name.replace("\\", "/").rpartition("/")[2].strip().lstrip("."))[:150]
    return name or ("piece-jointe" if kind == b"attachment" else "")


def _parameter(parameters: dict[bytes, bytes], name: bytes) -> str:
    """Return a parameter's text, be it in pieces and of another charset (RFC 2231 §3, §4)."""
    if name in parameters:
        return decoded(parameters[name])
    pieces: dict[int, bytes] = {}
    charset = "utf-8"
    for key, value in sorted(parameters.items()):
        found = _PIECE.fullmatch(key)
        if found is None or found[1] != name:
            continue
        number, coded = int(found[2] or 0), bool(found[3]) or not found[2]
        if coded and not number and value.count(b"'") > 1:
            said, _, value = value.split(b"'", 2)
            charset = said.decode("latin-1") or charset
        pieces[number] = unquote_to_bytes(value) if coded else value
    return in_charset(b"".join(pieces[each] for each in sorted(pieces)), charset)


def _body(content: bytes, part: BodyPart) -> bytes:
    try:
        return decode_body(content, part)
    except (No, ValueError):
        return content[part.body : part.end]


def _text(content: bytes, part: BodyPart, most: int = _TEXT) -> str:
    charset = dict(part.parameters).get(b"charset", b"utf-8").decode("latin-1")
    text = in_charset(_body(content, part)[: 4 * most], charset).replace("\r\n", "\n")
    return harmless(text[:most], lines=True)
