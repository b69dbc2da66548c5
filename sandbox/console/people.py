"""Telephones, messages and cards: who is rung first, and what a person of the space carries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyotp

from sandbox.console.answers import MissingError
from sandbox.console.enrolling import Telephone
from sandbox.psc import telephones
from sandbox.psc.ciba import DeviceDecision
from sandbox.psc.provider import Provider
from sandbox.psc.telephones import ArrivedSms, Ring
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = [
    "DECISIONS",
    "Carried",
    "carried",
    "codes",
    "decide",
    "holding",
    "inbox",
    "ringing",
    "shown",
]

Tree = dict[str, Any]
DECISIONS = ("approve", "refuse", "wrong_code")  # of those of a device


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A person and what they log in with.

    Attributes:
        identity, name: of the person, or of the application.
        mailboxes: addresses that they hold, with the methods of each.
        phone: number for SMS, empty for none.
        card: folder of the card's certificate, empty for none.
    """

    identity: str
    name: str
    mailboxes: tuple[tuple[str, tuple[str, ...]], ...]
    phone: str
    card: str


def ringing(providers: Mapping[str, Provider]) -> list[Ring]:
    """Return what waits for a person, the newest first."""
    found = [ring for label, each in providers.items() for ring in telephones.ringing(each, label)]
    return sorted(found, key=lambda ring: -ring.left)


def decide(
    providers: Mapping[str, Provider], label: str, ticket: str, decision: str, number: str
) -> str:
    """Answer for a person; return the state of the request after it.

    Args:
        providers: of the space.
        label: of the provider.
        ticket: of the request.
        decision: approve, refuse or wrong_code.
        number: see `telephones.answer`.

    Raises:
        MissingError: no such request.
        UserError: no such decision, or it comes too late.
    """
    provider = providers.get(label)
    request = provider.requests.find(ticket) if provider else None
    if provider is None or request is None:
        raise MissingError("demande inconnue", "unknown request", where=ticket[:40])
    if decision not in DECISIONS:
        raise UserError.expected("decision", DECISIONS)
    return str(telephones.answer(provider, request, DeviceDecision(decision), number).state)


def inbox(providers: Mapping[str, Provider], names: Mapping[str, Carried]) -> list[ArrivedSms]:
    """Return the messages of all telephones, the newest first."""
    owners = {each.phone: (each.name, each.identity) for each in names.values() if each.phone}
    found = [
        sms for label, each in providers.items() if label
        for sms in telephones.inbox(
            each.devices.sms, each.now(), partial(telephones.pends, each), owners, label,
            each.now() - time.time(),
        )
    ]  # fmt: skip
    return sorted(found, key=lambda sms: -sms.at)


def carried(accounts: Sequence[Tree]) -> dict[str, Carried]:
    """Return everybody who may log in, by identity, from the sheet's accounts."""
    found: dict[str, Carried] = {}
    for account in accounts:
        for holder in account["holders"]:
            methods: Tree = holder["methods"]
            before = found.get(holder["identity"])
            card = methods.get("cps") or methods.get("certificat") or {}
            found[holder["identity"]] = Carried(
                identity=holder["identity"],
                name=holder["name"],
                mailboxes=(
                    *(before.mailboxes if before else ()),
                    (account["address"], tuple(methods)),
                ),
                phone=methods.get("ciba-operateur", {}).get(
                    "phone", before.phone if before else ""
                ),
                card=card.get("pkcs12", before.card if before else ""),
            )
    return found


def holding(accounts: Sequence[Tree], method: str) -> list[str]:
    """Return the mailboxes of one holder that a method opens, in the sheet's order."""
    return [
        account["address"] for account in accounts
        if method in account["holders"][0]["methods"] and account["type"] != "ORG"
    ]  # fmt: skip


def codes(accounts: Sequence[Tree], identity: str, now: float) -> list[Tree]:
    """Return what a person's authenticator shows: for each mailbox a code, and how long it lasts.

    `uri` is what a QR code holds (Key Uri Format).
    """
    found = []
    for account in accounts:
        for holder in account["holders"]:
            secrets = holder["methods"].get(Method.TOTP.value)
            if holder["identity"] != identity or secrets is None:
                continue
            period = int(secrets["period"])
            found.append(
                {
                    "mailbox": account["address"],
                    "code": pyotp.TOTP(secrets["secret"], interval=period).at(int(now)),
                    "seconds": round(period - now % period, 1),
                    "period": period,
                    "uri": secrets["otpauth"],
                }
            )
    return found


def shown(enrolled: Sequence[Telephone], now: float) -> list[Tree]:
    """Return what telephones enrolled from the console show, as `codes` does."""
    return [
        {
            "mailbox": each.mailbox,
            "code": each.code(now),
            "seconds": round(each.period - now % each.period, 1),
            "period": each.period,
            "uri": each.uri,
            "label": each.label,
            "confirmed": not each.ticket,
        }
        for each in enrolled
    ]
