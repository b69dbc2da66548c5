"""Files of a month confronted: who says less, or more, than his peers saw.

For each pair of operators, what the one says that it relayed to the other stands against what the
other says that it received from it: both count the same messages, to the unit. Notifications have
no sender and are left out. A difference alone does not say who is wrong. The smallest set of claims
(one operator's *sent*, one operator's *received*) that explains all differences does, where it is
the only one: an operator whose figures with all its peers are 10 % short is a simpler account than
all its peers being wrong about it alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.indicators.counting import Indicators

__all__ = ["EDGE", "SHARE", "Anomaly", "confront"]

# A message that one relays in the last second of a month may be received in the next one, and an
# acknowledgement that is lost is counted late: a few, or one in a hundred, are no anomaly (ours).
EDGE = 2
SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """What cannot be true.

    Attributes:
        operator: whose figures; several, when figures alone cannot say which.
        claim: `sent` or `received`, one for each operator.
        said: messages that it counts, with the peers that contradict it.
        seen: messages that these peers count.
        peers: labels.
    """

    operator: tuple[str, ...]
    claim: tuple[str, ...]
    said: int
    seen: int
    peers: tuple[str, ...]

    @property
    def share(self) -> float:
        """Part of what was seen that is missing; negative for too much."""
        return 1 - self.said / self.seen if self.seen else -1.0


_Claim = tuple[str, str]  # operator, sent or received
_Pair = tuple[str, str]  # who relays, who receives


def confront(files: Iterable[Indicators]) -> list[Anomaly]:
    """Return the anomalies of files of one month, the gravest first.

    Raises:
        ValueError: two files of one operator, or of two months.
    """
    said = {}
    for each in files:
        if each.operator in said:
            raise ValueError(f"two files of {each.operator}")
        said[each.operator] = each
    if len({each.month for each in said.values()}) > 1:
        raise ValueError("files of several months")
    owner = {domain: each.operator for each in said.values() for domain in each.domains}
    pairs: dict[_Pair, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in said.values():
        for (event, domain), n in _told(each).items():
            peer = owner.get(domain, each.operator)
            if peer == each.operator:
                continue  # within, or with an operator that said nothing
            if event == "relayed":
                sent, received = pairs[each.operator, peer]
                pairs[each.operator, peer] = sent + n, received
            else:
                sent, received = pairs[peer, each.operator]
                pairs[peer, each.operator] = sent, received + n
    wrong = {pair: figures for pair, figures in pairs.items() if figures[0] != figures[1]}
    found = [
        each for each in _explained(wrong)
        if abs(each.said - each.seen) > max(EDGE, SHARE * max(each.said, each.seen))
    ]  # fmt: skip
    return sorted(found, key=lambda each: (-abs(each.said - each.seen), each.operator))


def _told(said: Indicators) -> Counter[tuple[str, str]]:
    """Return what an operator counts with each domain, notifications left out."""
    found: Counter[tuple[str, str]] = Counter()
    for key, volume in said.messages.items():
        somebody = key.peer if key.event == "received" else key.domain
        if key.event in {"relayed", "received"} and somebody:
            found[key.event, key.peer] += volume.number
    return found


def _explained(wrong: Mapping[_Pair, tuple[int, int]]) -> list[Anomaly]:
    """Cover all differences with claims, the one that explains most first."""
    left, found = dict(wrong), []
    while left:
        cover: dict[_Claim, list[_Pair]] = {}
        for pair, (sent, received) in left.items():
            # Too few relayed, or too many received, and the other way round: one direction a claim.
            way = "<" if sent < received else ">"
            cover.setdefault((pair[0], f"sent{way}"), []).append(pair)
            cover.setdefault((pair[1], f"received{way}"), []).append(pair)
        most = max(len(pairs) for pairs in cover.values())
        best = sorted(claim for claim, pairs in cover.items() if len(pairs) == most)
        # One pair alone is explained by either side: both are named, nobody is accused.
        group = best[:1] if most > 1 else [
            claim for claim in best if cover[claim] == cover[best[0]]
        ]  # fmt: skip
        pairs = cover[best[0]]
        sent = sum(left[pair][0] for pair in pairs)
        received = sum(left[pair][1] for pair in pairs)
        mine = group[0][1].startswith("sent")
        found.append(
            Anomaly(
                operator=tuple(name for name, _ in group),
                claim=tuple(claim[:-1] for _, claim in group),
                said=sent if mine else received,
                seen=received if mine else sent,
                peers=tuple(sorted(pair[1] if mine else pair[0] for pair in pairs)),
            )
        )
        for pair in pairs:
            del left[pair]
    return found
