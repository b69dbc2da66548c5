"""What the journal says of a message beside its envelope: enough to follow it and its receipts."""

from __future__ import annotations

from typing import Any

from sandbox.messages.facts import Facts, MessageKind
from sandbox.messages.receipts import read_receipt
from sandbox.messages.rules import RuleBreachError
from sandbox.operators.post.headers import Message

__all__ = ["told_of"]

_MOST_REPORT = 1024 * 1024  # bytes: what a receipt says comes before the message that it returns


def told_of(message: Message, facts: Facts) -> dict[str, Any]:
    """Return details of a message for the journal; what it does not say is left out.

    Args:
        message: whole.
        facts: of its header.

    Returns:
        message_id; documents, their codes, and ins; asks_receipt; of a receipt: about, the message
        that it is of, its author, recipient, disposition and code.
    """
    told: dict[str, Any] = {"message_id": facts.message_id}
    if facts.has_document:
        told |= {"documents": list(facts.codes), "ins": facts.ins}
    if facts.receipt_to:
        told["asks_receipt"] = True
    if facts.kind is MessageKind.DISPOSITION:
        try:
            receipt = read_receipt(message.content[:_MOST_REPORT])
        except RuleBreachError as error:
            told["unread_receipt"] = error.fault.rule
        else:
            told |= {
                "author": next(iter(message.header.addresses("From")), ""),
                "about": receipt.original,
                "about_recipient": receipt.recipient,
                "disposition": str(receipt.disposition),
                "code": receipt.code,
                "error": receipt.error,
            }
    return told
