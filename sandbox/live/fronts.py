"""What faults make of listening sockets: closed, or with a certificate that nobody should trust.

The bad certificates are made by the space, which alone issues; crews only show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sandbox.live.keys import Keys, WantedCertificate, bad_server
from sandbox.live.plan import CertificatePlan, OperatorPlan
from sandbox.live.services import server_files
from sandbox.operators.fault_rules import MailRule
from sandbox.operators.faults import Lasting
from sandbox.operators.operator import Operator
from sandbox.space.places import Place

__all__ = ["Fronts", "bad_certificates", "certificates_shown"]

_BAD = (Lasting.EXPIRED, Lasting.REVOKED)
_CLOSED = (Lasting.CLOSED, Lasting.STOPPED)


def certificates_shown(rules: Iterable[MailRule], places: Sequence[Place]) -> dict[str, Lasting]:
    """Return which certificates are bad, by path: whoever shares one shares its fate."""
    return {
        place.certificate: rule.effect.lasting
        for rule in rules if rule.effect.lasting in _BAD
        for place in places if rule.touches(place)
    }  # fmt: skip


def bad_certificates(
    rules: Iterable[MailRule], operators: Iterable[OperatorPlan], keys: Keys
) -> list[WantedCertificate]:
    """Return the bad certificates that rules ask for and that there are not yet."""
    wanted = []
    for operator in operators:
        relay = CertificatePlan(
            path=operator.relay.certificate, names=(operator.relay.host,),
            addresses=(operator.relay.address,),
        )  # fmt: skip
        good = {each.path: each for each in (*operator.certificates, relay)}
        shown = certificates_shown(rules, (*operator.endpoints, operator.relay))
        for path, state in shown.items():
            bad = _bad_path(path, state)
            if not server_files(keys, bad)[0].exists():
                plan, mutual = good[path], path == relay.path
                wanted.append(bad_server(bad, plan, operator.organisation, state, mutual=mutual))
    return wanted


def _bad_path(path: str, state: Lasting) -> str:
    return f"{path}-{state}"


class Fronts:
    """The listening sockets of some operators.

    Args:
        operators: by label, started.
        keys: certificates of the space.
    """

    def __init__(self, operators: Mapping[str, Operator], keys: Keys) -> None:
        self._operators, self._keys = operators, keys
        self._shown: dict[str, Lasting] = {}

    async def apply(self, rules: Sequence[MailRule]) -> None:
        """Have them be as rules say: on the loop of the operators.

        Raises:
            OSError: a port that was closed has been taken meanwhile.
        """
        listeners = [
            listener for operator in self._operators.values() for door in operator.doors
            for listener in door.listeners
        ]  # fmt: skip
        shown = certificates_shown(rules, [each.place for each in listeners])
        for listener in listeners:
            path = listener.place.certificate
            if shown.get(path) != self._shown.get(path):
                chain, key = self._files(path, shown.get(path))
                listener.context.load_cert_chain(chain, key)
        self._shown = shown
        for operator in self._operators.values():
            for door in operator.doors:
                states = {
                    rule.effect.lasting for rule in rules if rule.effect.lasting in _CLOSED
                    and any(rule.touches(each.place) for each in door.listeners)
                }  # fmt: skip
                if states:
                    door.close()
                elif not door.listening:
                    await door.start()
                if Lasting.STOPPED in states:
                    door.cut()

    def _files(self, path: str, state: Lasting | None) -> tuple[Path, Path]:
        return server_files(self._keys, path if state is None else _bad_path(path, state))
