"""Files of a month confronted: who says less, or more, than his peers saw.

For each pair of operators, what the one says that it relayed to the other stands against what the
other says that it received from it: both count the same messages, to the unit. Notifications have
no sender and are left out. A difference alone does not say who is wrong. The smallest sets of
claims (one operator's *sent*, one operator's *received*) that explain all differences do, where
they agree: an operator whose figures with all its peers are 10 % short is a simpler account than
all its peers being wrong about it alone. Differences are the edges of a bipartite graph of claims,
those sets its least vertex covers; a claim is in all of them if and only if alternating paths reach
it from a claim that a largest matching leaves out (König 1931; Dulmage and Mendelsohn 1958). What
remains has several accounts: those whom it may be are named together, and nobody is accused.
Mail of a domain that changed hands in the month is left out: some of it is the one's, some the
other's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
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
        said: messages that it counts, with the peers that contradict it; of several, what is sent.
        seen: messages that these peers count; of several, what is received.
        peers: labels.
    """

    operator: tuple[str, ...]
    claim: tuple[str, ...]
    said: int
    seen: int
    peers: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        """One operator is wrong, whatever the account."""
        return len(self.operator) == 1

    @property
    def share(self) -> float:
        """Part of what was seen that is missing; negative for too much."""
        return 1 - self.said / self.seen if self.seen else -1.0


_Claim = tuple[str, str]  # operator, sent or received
_Pair = tuple[str, str]  # who relays, who receives
_Figures = tuple[int, int]  # sent, received


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
    moved = {
        key.domain for each in said.values() for key in each.messages
        if owner.get(key.domain, each.operator) != each.operator
    }  # fmt: skip
    pairs: dict[_Pair, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for each in said.values():
        for (event, domain), n in _told(each, moved).items():
            peer = owner.get(domain, each.operator)
            if peer == each.operator:
                continue  # within, or with an operator that said nothing
            if event == "relayed":
                sent, received = pairs[each.operator, peer]
                pairs[each.operator, peer] = sent + n, received
            else:
                sent, received = pairs[peer, each.operator]
                pairs[peer, each.operator] = sent, received + n
    found = []
    for more in (False, True):  # too few sent or too many received, then the other way round
        wrong = {
            pair: (sent, received) for pair, (sent, received) in pairs.items()
            if sent != received and (sent > received) == more
        }  # fmt: skip
        found += _explained(wrong)
    found = [each for each in found if _beyond_edge(each.said, each.seen)]
    return sorted(found, key=lambda each: (-abs(each.said - each.seen), each.operator))


def _beyond_edge(said: int, seen: int) -> bool:
    return abs(said - seen) > max(EDGE, SHARE * max(said, seen))


def _told(said: Indicators, moved: Set[str]) -> Counter[tuple[str, str]]:
    """Return what an operator counts with each domain, notifications and `moved` left out."""
    found: Counter[tuple[str, str]] = Counter()
    for key, volume in said.messages.items():
        somebody = key.peer if key.event == "received" else key.domain
        if moved & {key.domain, key.peer}:
            continue
        if key.event in {"relayed", "received"} and somebody:
            found[key.event, key.peer] += volume.number
    return found


def _explained(wrong: Mapping[_Pair, _Figures]) -> list[Anomaly]:
    """Explain differences of one direction: by claims in every least cover, else by all of them.

    What messages of the month's edge could make is looked at last, and joins who is found anyway.
    """
    left, found = dict(wrong), list[Anomaly]()
    for looked_at in ({p: f for p, f in wrong.items() if _beyond_edge(*f)}, left):
        for claim in _in_every_cover(looked_at):
            mine = [pair for pair in left if claim in _claims(pair)]
            if mine:
                found.append(_anomaly((claim,), {pair: left.pop(pair) for pair in mine}))
        for group in _groups(set(looked_at) & set(left)):
            claims = sorted({claim for pair in group for claim in _claims(pair)})
            found.append(_anomaly(claims, {pair: left.pop(pair) for pair in group}))
    return found


def _claims(pair: _Pair) -> tuple[_Claim, _Claim]:
    return (pair[0], "sent"), (pair[1], "received")


def _anomaly(claims: Sequence[_Claim], pairs: Mapping[_Pair, _Figures]) -> Anomaly:
    sent = sum(figures[0] for figures in pairs.values())
    received = sum(figures[1] for figures in pairs.values())
    named = {name for name, _ in claims}
    peers = {name for pair in pairs for name in pair}
    is_sender = len(claims) > 1 or claims[0][1] == "sent"
    return Anomaly(
        operator=tuple(name for name, _ in claims),
        claim=tuple(what for _, what in claims),
        said=sent if is_sender else received,
        seen=received if is_sender else sent,
        peers=tuple(sorted(peers - named if len(claims) == 1 else peers)),
    )


def _matching(peers: Mapping[_Claim, Sequence[_Claim]]) -> dict[_Claim, _Claim]:
    """Return a largest matching of claims, in both directions, by augmenting paths."""
    matched: dict[_Claim, _Claim] = {}

    def augment(sender: _Claim, tried: set[_Claim]) -> bool:
        for receiver in peers[sender]:
            if receiver in tried:
                continue
            tried.add(receiver)
            if receiver not in matched or augment(matched[receiver], tried):
                matched[receiver], matched[sender] = sender, receiver
                return True
        return False

    for claim in sorted(peers):
        if claim[1] == "sent":
            augment(claim, set())
    return matched


def _in_every_cover(pairs: Iterable[_Pair]) -> list[_Claim]:
    """Return the claims that no least set of claims which explains all pairs does without."""
    peers: dict[_Claim, list[_Claim]] = defaultdict(list)
    for pair in sorted(pairs):
        sender, receiver = _claims(pair)
        peers[sender].append(receiver)
        peers[receiver].append(sender)
    matched = _matching(peers)
    found, ahead = set[_Claim](), [claim for claim in peers if claim not in matched]
    while ahead:
        for claim in peers[ahead.pop()]:
            if claim not in found:
                found.add(claim)
                ahead.append(matched[claim])
    return sorted(found)


def _groups(pairs: Iterable[_Pair]) -> list[list[_Pair]]:
    """Return pairs that hang together by their claims."""
    groups: list[tuple[set[_Claim], list[_Pair]]] = []
    for pair in sorted(pairs):
        claims, mine = set(_claims(pair)), [pair]
        for group in [each for each in groups if each[0] & claims]:
            groups.remove(group)
            claims |= group[0]
            mine = group[1] + mine
        groups.append((claims, mine))
    return [mine for _, mine in groups]
