"""Telephones, messages and cards: who is rung first, and what a person of the space carries."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyotp

from sandbox.console.answers import MissingError
from sandbox.console.enrolling import Telephone
from sandbox.psc.ciba import DeviceDecision, RequestState
from sandbox.psc.provider import Provider
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = [
    "ArrivedSms",
    "Carried",
    "Ring",
    "carried",
    "codes",
    "decide",
    "holding",
    "inbox",
    "ringing",
    "shown",
]

Tree = dict[str, Any]
_CHOICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A telephone that rings.

    Attributes:
        provider: empty for Pro Santé Connect, else the operator that sent an SMS.
        ticket: names the request.
        identity, name: of the person.
        client: who asks.
        number: that the software shows; empty where it shows none.
        choices: numbers among which the person finds it.
        left: seconds until it expires.
        total: seconds that it had.
    """

    provider: str
    ticket: str
    identity: str
    name: str
    client: str
    number: str
    choices: tuple[str, ...]
    left: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedSms:
    """A message that has arrived; `open` while its link still decides something."""

    operator: str
    ticket: str
    phone: str
    name: str
    identity: str
    text: str
    at: float
    open: bool


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
    found = []
    for label, provider in providers.items():
        provider.tick()
        for request in provider.requests.waiting():
            person = provider.people.find(request.subject)
            name = f"{person.given_name} {person.family_name}" if person else request.subject
            number = request.binding_message or ""
            found.append(
                Ring(
                    provider=label, ticket=request.ticket, identity=request.subject, name=name,
                    client=request.client_id, number=number,
                    choices=_choices(number, request.ticket),
                    left=max(0.0, request.expires_at - provider.now()),
                    total=max(1.0, request.expires_at - request.created_at),
                )
            )  # fmt: skip
    return sorted(found, key=lambda ring: -ring.left)


def _choices(number: str, ticket: str) -> tuple[str, ...]:
    """Return the number among others like it, in an order that the request gives."""
    if not number.isdigit():
        return (number,) if number else ()
    size, others, salt = len(number), {number}, 0
    while len(others) < _CHOICES:
        drawn = int.from_bytes(hashlib.sha256(f"{ticket}{salt}".encode()).digest()[:4])
        others.add(f"{drawn % 10**size:0{size}d}")
        salt += 1
    return tuple(
        sorted(others, key=lambda text: hashlib.sha256(f"{ticket}{text}".encode()).hexdigest())
    )


def decide(
    providers: Mapping[str, Provider], label: str, ticket: str, decision: str, number: str
) -> str:
    """Answer for a person; return the state of the request after it.

    Args:
        providers: of the space.
        label: of the provider.
        ticket: of the request.
        decision: approve or refuse.
        number: that the person chose, where the telephone showed several; empty: the right one.

    Raises:
        MissingError: no such request.
        UserError: no such decision, or it comes too late.
    """
    provider = providers.get(label)
    request = provider.requests.find(ticket) if provider else None
    if provider is None or request is None:
        raise MissingError("demande inconnue", "unknown request", where=ticket[:40])
    if decision not in ("approve", "refuse"):
        raise UserError("attendu", "expected", where="decision", then="approve, refuse")
    wanted = DeviceDecision(decision)
    if wanted is DeviceDecision.APPROVE and number and number != request.binding_message:
        wanted = DeviceDecision.WRONG_CODE
    if label:
        _spend(provider, ticket, wanted)
    return str(provider.requests.decide(ticket, wanted).state)


def _spend(provider: Provider, ticket: str, decision: DeviceDecision) -> None:
    """Use up the link of an SMS, as its page does."""
    if decision is DeviceDecision.WRONG_CODE:
        return
    for sms in provider.devices.sms.arrived(provider.now()):
        if sms["ticket"] == ticket:
            provider.devices.sms.spend(str(sms["link"]).rpartition("/")[2], provider.now())


def inbox(providers: Mapping[str, Provider], names: Mapping[str, Carried]) -> list[ArrivedSms]:
    """Return the messages of all telephones, the newest first."""
    owners = {each.phone: each for each in names.values() if each.phone}
    found = []
    for label, provider in providers.items():
        if not label:
            continue
        ahead = provider.now() - time.time()
        for sms in provider.devices.sms.arrived(provider.now()):
            owner = owners.get(sms["number"])
            request = provider.requests.find(sms["ticket"])
            usable = request is not None and request.state is RequestState.PENDING
            found.append(
                ArrivedSms(
                    operator=label, ticket=sms["ticket"], phone=sms["number"],
                    name=owner.name if owner else "", identity=owner.identity if owner else "",
                    text=sms["text"], at=sms["sent_at"] - ahead,
                    open=usable and not sms["used"],
                )
            )  # fmt: skip
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


def shown(telephones: Sequence[Telephone], now: float) -> list[Tree]:
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
        for each in telephones
    ]
