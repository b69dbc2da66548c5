"""Which account of a space that is up each access of a schedule uses, and by which endpoints."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.clients.plan import ClientAccount, ClientBehaviour, ServerSettings
from sandbox.space.compatibility import MECHANISMS
from sandbox.space.errors import UserError
from sandbox.space.methods import Feature, Mechanism, Method
from sandbox.space.population import SOFTWARE
from sandbox.twin.foreign import PASSWORD
from sandbox.twin.schedule import Schedule

__all__ = ["accounts_of"]

KINDS_OF_ACCOUNT = (str(Method.CERTIFICATE), str(Method.SMS), str(Method.ECPS))  # first it has


def accounts_of(schedule: Schedule, sheet: Mapping[str, Any]) -> dict[int, ClientAccount]:
    """Return an account of the space whose `space.json` is given for each access, by its number.

    Raises:
        UserError: the space has not the accounts or endpoints.
    """
    accounts = _Accounts(schedule, sheet)
    return {access: accounts.account(access) for access in schedule.active}


class _Accounts:
    """Gives each access an account of the live space."""

    def __init__(self, schedule: Schedule, sheet: Mapping[str, Any]) -> None:
        self._schedule = schedule
        self._operators = {each["name"]: each for each in sheet["operators"]}
        self._psc = f"{sheet['psc']['control']}/behaviour"
        self._free: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self._shared: dict[tuple[str, str], Iterator[dict[str, Any]]] = {}
        if sheet.get("foreign"):
            by_way = defaultdict(list)
            for account in sheet["accounts"]:
                for way in account["holders"][0]["methods"]:
                    by_way[account["operator"], way].append(account)
            self._shared = {key: itertools.cycle(found) for key, found in by_way.items()}
            return
        for account in reversed(sheet["accounts"]):
            methods = account["holders"][0]["methods"]
            kind = next(name for name in KINDS_OF_ACCOUNT if name in methods)
            if account["type"] in ("PER", "APP"):
                self._free[account["operator"], kind].append(account)

    def account(self, access: int) -> ClientAccount:
        schedule, accesses = self._schedule, self._schedule.accesses
        operator = schedule.space.operators[int(accesses.operator[access])]
        method = schedule.method(access)
        way, account = method.value, None
        if self._shared:
            way, account = self._lent(operator, method)
        else:
            account = self._taken(operator, method)
        holder = account["holders"][0]
        features = int(accesses.features[access])
        name = SOFTWARE[int(accesses.software[access])]
        software = schedule.scenario.software[name]
        own = f"{self._operators[operator]['ciba']}/sandbox/behaviour"
        return ClientAccount(
            number=access,
            operator=operator,
            address=account["address"],
            method=Method.TOTP if way == PASSWORD else method,
            secrets=holder["methods"][way],
            identity=holder["identity"],
            telephone=""
            if self._shared
            else {Method.ECPS: self._psc, Method.SMS: own}.get(method, ""),
            software=ClientBehaviour(
                name=name,
                timeout=software.timeout,
                rings=software.refusal_rings,
                keeps=bool(software.keeps_connection),
                resumes=bool(features & Feature.RESUMES),
                tls13=bool(features & Feature.TLS13),
            ),
            imap=self._door(operator, "imap", way, int(schedule.mechanisms["imap"][access])),
            smtp=self._door(operator, "smtp", way, int(schedule.mechanisms["smtp"][access])),
        )

    def _taken(self, operator: str, method: Method) -> dict[str, Any]:
        """Return an account that nobody else has; robots share their operator's one."""
        robot = method is Method.CERTIFICATE
        kind = str(method) if method in (Method.CERTIFICATE, Method.SMS) else str(Method.ECPS)
        free = self._free[operator, kind]
        if not free:
            raise UserError(
                f"pas assez de comptes qui se connectent par {kind}",
                f"not enough accounts that log in by {kind}",
                where=operator,
            )
        return free[-1] if robot else free.pop()

    def _lent(self, operator: str, method: Method) -> tuple[str, dict[str, Any]]:
        """Return how one logs in at an operator that is not ours, and the next such account."""
        for way in (method.value, PASSWORD):
            if (operator, way) in self._shared:
                return way, next(self._shared[operator, way])
        raise UserError(
            f"aucun compte qui se connecte par {method} ou {PASSWORD}",
            f"no account that logs in by {method} or {PASSWORD}",
            where=operator,
        )

    def _door(self, operator: str, protocol: str, way: str, mechanism: int) -> ServerSettings:
        design = self._schedule.candidate.design.name
        endpoint = next(
            (
                each
                for each in self._operators[operator]["designs"][design]
                if each["protocol"] == protocol and way in each["methods"]
            ),
            None,
        )
        if endpoint is None:
            raise UserError(
                f"aucun endpoint {protocol} qui serve {way}",
                f"no {protocol} endpoint that serves {way}",
                where=operator,
            )
        return ServerSettings(
            endpoint=endpoint["name"],
            mechanism=Mechanism.PLAIN if way == PASSWORD else MECHANISMS[mechanism],
            **{key: endpoint[key] for key in ("host", "address", "port", "tls")},
        )
