"""All faults of a running space but Pro Santé Connect's: of mail, of CRL and OCSP, of the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.operators.fault_rules import MailFaults, MailRule
from sandbox.operators.faults import FAULTS
from sandbox.space.errors import UserError
from sandbox.trust.ocsp import OCSP_FAULTS
from sandbox.trust.service import CRL_FAULTS, LIST_FAULTS, PkiFaults

__all__ = ["KNOWN", "SpaceFaults"]

# Name -> what it does.
KNOWN: dict[str, str] = {
    **{name: each.text for name, each in FAULTS.items()},
    **{f"crl-{name}": text for name, text in CRL_FAULTS.items()},
    **{f"ocsp-{name}": text for name, text in OCSP_FAULTS.items()},
    **{f"list-{name}": text for name, text in LIST_FAULTS.items()},
}
_TRUST = ("crl", "ocsp", "list")
_PKI = {"fault", "seconds"}


class SpaceFaults:
    """What misbehaves in a space: added, listed, cleared while it runs.

    Attributes:
        mail: of operators; see `MailRule` for the members of a rule.
        pki: `crl-…`, `ocsp-…` and `list-…`: one of each at a time, of the whole service, `seconds`
            for slow.

    Args:
        cleared: called when all is well again.
        changed: called when other faults of mail are in force.
    """

    def __init__(
        self,
        cleared: Callable[[], None] = lambda: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._cleared, self._changed = cleared, changed
        self.mail = MailFaults()
        self.pki = PkiFaults()

    def add(self, fault: str, **members: Any) -> None:
        """Put a fault in force, beside those that are.

        Raises:
            UserError: no such fault, or members that cannot be.
        """
        self.replace([*self.rules(), {"fault": fault, **members}])

    def remove(self, rule: dict[str, Any]) -> None:
        """Take away one that is in force, as `rules` gives it; the others count again from 1."""
        rules = self.rules()
        rules.remove(rule)
        self.replace(rules)
        self._cleared()

    def clear(self) -> None:
        """Have all be well again: what waits for a relay is tried at once."""
        self.replace(())
        self._cleared()

    def rules(self) -> list[dict[str, Any]]:
        """Return what is in force, as `replace` takes it."""
        found = [rule.to_dict() for rule in self.mail.rules]
        for kind in _TRUST:
            name = getattr(self.pki, kind)
            if name:
                found.append({"fault": f"{kind}-{name}", "seconds": self.pki.delay})
        return found

    def replace(self, rules: Sequence[dict[str, Any]], seed: int | None = None) -> None:
        """Put these in force in place of all others; counting starts again.

        Raises:
            UserError: one that cannot be; nothing is changed then.
        """
        mail, pki = [], PkiFaults()
        for rule in rules:
            fault = rule.get("fault", "")
            kind, _, name = str(fault).partition("-")
            if kind in _TRUST:
                _add_pki(pki, kind, name, rule)
            elif not fault or not isinstance(fault, str) or fault in KNOWN:
                mail.append(MailRule.from_dict(rule))
            else:
                raise UserError.among("défaut inconnu", "unknown fault", f"fault {fault!r}", KNOWN)
        self.mail.replace(mail, seed)
        for name in (*_TRUST, "delay"):
            setattr(self.pki, name, getattr(pki, name))
        self._changed()


def _add_pki(pki: PkiFaults, kind: str, name: str, rule: dict[str, Any]) -> None:
    unknown = set(rule) - _PKI
    if unknown:
        raise UserError.among(
            "inconnu", "unknown", f"{rule['fault']}: {unknown.pop()!r}", "seconds"
        )
    seconds = rule.get("seconds", pki.delay)
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 0 <= seconds <= 600
    ):
        raise UserError.expected(f"{rule['fault']}: seconds", "0 … 600")
    setattr(pki, kind, name)
    pki.delay = float(seconds)
