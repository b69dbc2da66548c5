"""Where everything stands on the live map: nodes and arrows, from the sheet of a space. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.observations.schema import Words

__all__ = ["Arrow", "Node", "SpaceMap", "space_map"]

WIDTH, NODE, GAP = 1180, 62, 18
_DESIGN_X, _OPERATOR_X, _TOP = 400, 760, 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box. `cells` are its endpoints, by the names that moments have: `design/endpoint`."""

    key: str
    kind: str
    x: int
    y: int
    width: int
    title: Words
    text: Words
    link: str = ""
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A way that connections or messages take; `path` is SVG's."""

    key: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceMap:
    """The map, in units of its own view box."""

    width: int
    height: int
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def space_map(sheet: Mapping[str, Any]) -> SpaceMap:
    """Return the map of a space."""
    operators = sheet["operators"]
    designs: Mapping[str, Any] = operators[0]["designs"]
    height = _TOP + max(len(designs), len(operators), 3) * (NODE + GAP) + 90
    middle = _TOP + (height - _TOP - 90 - GAP) // 2
    nodes = [
        Node(
            key="clients", kind="client", x=20, y=middle - NODE // 2, width=170,
            title=Words("Logiciels", "Mail software"),
            text=Words("IMAP · SMTP", "IMAP · SMTP"), link="/why",
        )
    ]  # fmt: skip
    arrows = []
    rows = _rows(len(designs), height)
    for (name, endpoints), y in zip(designs.items(), rows, strict=True):
        methods = len({method for each in endpoints for method in each["methods"]})
        count = len(endpoints)
        nodes.append(
            Node(
                key=f"design:{name}", kind="design", x=_DESIGN_X, y=y, width=236,
                title=Words(name, name),
                text=Words(f"{count} points d'accès, {methods} méthodes",
                           f"{count} endpoints, {methods} methods"),
                link=f"/why?design={name}",
                cells=tuple(f"{name}/{each['name']}" for each in endpoints),
            )
        )  # fmt: skip
        arrows.append(_arrow(f"in:{name}", "in", (190, middle), (_DESIGN_X, y + NODE // 2)))
    places = _rows(len(operators), height)
    for operator, y in zip(operators, places, strict=True):
        label = operator["name"]
        nodes.append(
            Node(
                key=f"operator:{label}", kind="operator", x=_OPERATOR_X, y=y, width=200,
                title=Words(label, label), text=Words(operator["domain"], operator["domain"]),
                link=f"/why?operator={label}",
            )
        )  # fmt: skip
        arrows += [
            _arrow(f"to:{name}:{label}", "to",
                   (_DESIGN_X + 236, row + NODE // 2), (_OPERATOR_X, y + NODE // 2))
            for name, row in zip(designs, rows, strict=True)
        ]  # fmt: skip
        arrows.append(
            _arrow(f"relay:{label}", "relay", (_OPERATOR_X + 200, y + NODE // 2), (1040, middle))
        )
    nodes.append(
        Node(
            key="relay", kind="relay", x=1040, y=middle - NODE // 2, width=120,
            title=Words("Relais", "Relay"), text=Words("TLS mutuel", "mutual TLS"),
            link="/why?protocol=relay",
        )
    )  # fmt: skip
    nodes += _around(height)
    return SpaceMap(width=WIDTH, height=height, nodes=tuple(nodes), arrows=tuple(arrows))


def _around(height: int) -> list[Node]:
    """Return what everybody asks: above the telephones' side, below what is trusted."""
    above = (
        ("psc", Words("Pro Santé Connect", "Pro Santé Connect"),
         Words("CIBA, jetons", "CIBA, tokens"), "/phones"),
    )  # fmt: skip
    below = (
        (
            "directory", Words("Annuaire santé", "Health directory"),
            Words("LDAP, FHIR", "LDAP, FHIR"),
        ),
        ("ca", Words("IGC-Santé", "IGC-Santé"), Words("CRL, OCSP", "CRL, OCSP")),
        ("list", Words("Liste blanche", "List of domains"), Words("signée", "signed")),
        ("dns", Words("DNS", "DNS"), Words("zone par architecture", "a zone for each design")),
    )  # fmt: skip
    nodes = [
        Node(key=key, kind="service", x=_DESIGN_X, y=14, width=236, title=title, text=text,
             link=link)
        for key, title, text, link in above
    ]  # fmt: skip
    width = 220
    step = (WIDTH - 40 - width) // (len(below) - 1)
    nodes += [
        Node(key=key, kind="service", x=20 + index * step, y=height - NODE - 10, width=width,
             title=title, text=text, link="/trust")
        for index, (key, title, text) in enumerate(below)
    ]  # fmt: skip
    return nodes


def _rows(count: int, height: int) -> list[int]:
    room = height - _TOP - 90
    used = count * NODE + (count - 1) * GAP
    first = _TOP + max(0, (room - used - GAP) // 2)
    return [first + index * (NODE + GAP) for index in range(count)]


def _arrow(key: str, kind: str, start: tuple[int, int], end: tuple[int, int]) -> Arrow:
    (x, y), (u, v) = start, end
    bend = (x + u) // 2
    return Arrow(key=key, kind=kind, path=f"M{x} {y} C{bend} {y} {bend} {v} {u} {v}")
