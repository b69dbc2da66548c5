"""Telephones as people see them: who is rung, the number among others, SMS that have arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sandbox.psc.ciba import AuthRequest, DeviceDecision, RequestState
from sandbox.psc.provider import Provider
from sandbox.psc.sms import SmsInbox

__all__ = ["DRAWN", "ArrivedSms", "Ring", "answer", "inbox", "pends", "ringing"]

DRAWN = Path(__file__).with_name("templates") / "telephones"  # how a page shows them
_CHOICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A telephone that rings.

    Attributes:
        provider: empty for Pro Santé Connect, else the operator that sent an SMS.
        ticket: names the request.
        identity, name: of the person.
        client: who asks.
        card: whether a card reader asks it, not the telephone.
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
    card: bool
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
    link: str
    at: float
    open: bool


def ringing(provider: Provider, label: str = "") -> list[Ring]:
    """Return what waits for a person at a provider, which is called `label`."""
    provider.tick()
    found = []
    for request in provider.requests.waiting():
        person = provider.people.find(request.subject)
        name = f"{person.given_name} {person.family_name}" if person else request.subject
        number = request.binding_message or ""
        found.append(
            Ring(
                provider=label, ticket=request.ticket, identity=request.subject, name=name,
                client=request.client_id, card=request.channel == "CARD", number=number,
                choices=_choices(number, request.ticket),
                left=max(0.0, request.expires_at - provider.now()),
                total=max(1.0, request.expires_at - request.created_at),
            )
        )  # fmt: skip
    return found


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


def answer(
    provider: Provider, request: AuthRequest, decision: DeviceDecision, number: str = ""
) -> AuthRequest:
    """Answer for a person; return the request after it.

    Args:
        provider: whose request it is.
        request: that waits.
        decision: of the person.
        number: that they chose, where the telephone showed several; empty: the right one. A
            wrong one counts as such.

    Raises:
        UserError: it comes too late.
    """
    wrong = number and number != request.binding_message
    if decision is DeviceDecision.APPROVE and wrong:
        decision = DeviceDecision.WRONG_CODE
    after = provider.requests.decide(request.ticket, decision)
    if decision is not DeviceDecision.WRONG_CODE:
        _spend(provider, request.ticket)
    return after


def _spend(provider: Provider, ticket: str) -> None:
    """Use up the link of an SMS, as its page does."""
    for sms in provider.devices.sms.arrived(provider.now()):
        if sms["ticket"] == ticket:
            provider.devices.sms.spend(str(sms["link"]).rpartition("/")[2], provider.now())


def inbox(
    sent: SmsInbox, now: float, pending: Callable[[str], bool],
    owners: Mapping[str, tuple[str, str]] = MappingProxyType({}), label: str = "",
    ahead: float = 0.0,
) -> list[ArrivedSms]:  # fmt: skip
    """Return the messages that have arrived, the newest first.

    Args:
        sent: by whom, who is called `label`.
        now: by the sender's clock.
        pending: whether the request of a ticket waits for an answer.
        owners: name and identity by number of telephone; others have none.
        label: of the sender.
        ahead: of its clock before that of whoever looks, s.
    """
    found = []
    for sms in sent.arrived(now):
        name, identity = owners.get(sms["number"], ("", ""))
        usable = not sms["used"] and now < sms["expires_at"]
        found.append(
            ArrivedSms(
                operator=label, ticket=sms["ticket"], phone=sms["number"], name=name,
                identity=identity, text=sms["text"], link=sms["link"], at=sms["sent_at"] - ahead,
                open=usable and pending(sms["ticket"]),
            )
        )  # fmt: skip
    return found


def pends(provider: Provider, ticket: str) -> bool:
    """Return whether a request of a provider waits for an answer."""
    request = provider.requests.find(ticket)
    return request is not None and request.state is RequestState.PENDING
