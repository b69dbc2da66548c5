"""The domains of a space as they are now: who serves which, what is listed, what DNS says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from sandbox.directory import Directory
from sandbox.live.changes import ChangeLog
from sandbox.live.keys import Keys
from sandbox.live.plan import OperatorPlan, SpacePlan
from sandbox.live.services import server_files
from sandbox.space.errors import UserError
from sandbox.trust import DN, DomainLedger, dn_of
from sandbox.trust.domain_list import normal_domain
from sandbox.trust.zone import MailDomain, ZoneSpec

__all__ = ["SpaceDomains"]


class SpaceDomains:
    """What plan, list, directory and changes say together; `lifecycle` changes it.

    Args:
        plan: of the space.
        directory: people, structures, mailboxes.
        ledger: the list of domains.
        keys: certificates of the operators.
        changes: those that were begun and done.
    """

    def __init__(
        self, plan: SpacePlan, directory: Directory, ledger: DomainLedger, keys: Keys,
        changes: ChangeLog,
    ) -> None:  # fmt: skip
        self._plan, self._directory, self._ledger = plan, directory, ledger
        self._keys, self._changes = keys, changes

    def entries(self) -> list[dict[str, Any]]:
        """Return every domain: name, operator, whether it is listed and in force, mailboxes."""
        listed = self._ledger.at(datetime.now(UTC)).domains
        return [
            {
                "domain": each.name, "operator": each.operator, "listed": each.name in listed,
                "in_force": not each.removed, "mailboxes": each.mailboxes,
            }
            for each in self._directory.domains()
        ]  # fmt: skip

    def operator_of(self, domain: str) -> OperatorPlan | None:
        """Return the operator that serves a domain, in force or not."""
        for each in self._directory.domains():
            if each.name == domain:
                return next((o for o in self._plan.operators if o.label == each.operator), None)
        return None

    def zone(self) -> ZoneSpec:
        """Return the zone: what the designs publish, for the domains in force."""
        planned, own = self._plan.zone, {each.label: each for each in self._plan.operators}
        known = {each.name: each for each in self._directory.domains()}
        by_name = {each.name: each for each in planned.domains}
        left = [each for each in self._plan.operators if each.label in self._changes.leavers()]
        gone = {
            base for each in self._plan.operators for base, _ in each.discovery
            if each in left or (each.domain in known and known[each.domain].removed)
        }  # fmt: skip
        silent = {address for each in left for address in _addresses(each)}
        found: dict[str, MailDomain] = {
            each.name: each for each in planned.domains if each.name not in gone
        }
        as_planned = {self._plan.citizens.label, *(each.label for each in self._plan.joined)}
        for name, domain in known.items():
            operator = own.get(domain.operator)
            if domain.removed or (operator is None and domain.operator not in as_planned):
                found.pop(name, None)
            elif operator is not None and operator.domain != name:
                found[name] = replace(by_name[operator.domain], name=name)
        hosts = tuple(each for each in planned.hosts if silent.isdisjoint(each.addresses))
        return replace(planned, hosts=hosts, domains=tuple(found.values()))

    def name_of(self, domain: str) -> str:
        """Return a domain as it is written.

        Raises:
            UserError: no name of this space.
        """
        try:
            name = normal_domain(domain)
        except (ValueError, UnicodeError):
            name = ""
        if not name.endswith(f".{self._plan.suffix}"):
            raise UserError(
                "pas un domaine de cet espace ; comme", "no domain of this space; such as",
                where=domain[:120], then=f"ch.{self._plan.suffix}",
            )  # fmt: skip
        return name

    def named(self, operator: str, *, left: bool = False) -> OperatorPlan:
        """Return an operator by its label; with `left`, one that has left too.

        Raises:
            UserError: there is none.
        """
        gone = frozenset() if left else self._changes.leavers()
        here = {each.label: each for each in self._plan.operators if each.label not in gone}
        if operator not in here:
            raise UserError.among(
                "aucun opérateur de ce nom", "no such operator", operator[:60], here
            )
        return here[operator]

    def serving(self, domain: str) -> OperatorPlan:
        """Return the operator that serves a domain.

        Raises:
            UserError: no such domain.
        """
        found = self.operator_of(domain)
        if found is None:
            known = ", ".join(each.name for each in self._directory.domains())
            raise UserError.among(
                "aucun domaine de cet espace", "no domain of this space", domain[:120], known[:400]
            )
        return found

    def listed(self, name: str) -> bool:
        """Tell whether a domain is on the list."""
        return name in self._ledger.at(datetime.now(UTC)).domains

    def in_force(self, name: str) -> bool:
        """Tell whether the directory has a domain."""
        return any(d.name == name and not d.removed for d in self._directory.domains())

    def certificate(self, operator: OperatorPlan) -> DN:
        """Return the name in the certificate of an operator's relay, as the list has it."""
        chain, _ = server_files(self._keys, f"{operator.label}/relay")
        return dn_of(x509.load_pem_x509_certificate(chain.read_bytes()))


def _addresses(operator: OperatorPlan) -> set[str]:
    """Return the addresses of an operator's servers."""
    mail = {each.address for each in (*operator.endpoints, operator.relay)}
    return mail | {each.address for each in (operator.autoconfig, operator.accounts, operator.ciba)}
