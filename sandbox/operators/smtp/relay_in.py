"""Relay inbound (API MSS-IO): another operator gives mail for our mailboxes, and for no others.

Nothing is taken without TLS and a certificate that a listed operator proves; MAIL FROM and From
have to be of its own domains. The null reverse-path is taken: notifications have it.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.operators.mail import Envelope
from sandbox.operators.model import Channel
from sandbox.operators.post import Header
from sandbox.operators.post.addresses import domain_of
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.conversation import Setting
from sandbox.operators.smtp.dialogue import SmtpDialogue
from sandbox.operators.smtp.events import CheckPeer, Outcome
from sandbox.trust.dn import DN

__all__ = ["RelayIn"]


class RelayIn(SmtpDialogue):
    """One connection of another operator's relay.

    Args:
        channel, setting, certificate_required: as in `SmtpDialogue`.
        may_send: why a certificate may not send for a domain (empty for the null reverse-path);
            None when it may.
    """

    def __init__(
        self,
        channel: Channel,
        setting: Setting,
        *,
        certificate_required: bool,
        may_send: Callable[[DN, str], MailRefusal | None],
    ) -> None:
        super().__init__(channel, setting, certificate_required=certificate_required)
        self.peer: DN | None = None
        self._allowed = may_send

    def answer_peer(self, result: DN | MailRefusal) -> None:
        """Take what the certificate proves."""
        self._waiting = False
        if isinstance(result, DN):
            self.peer = result
            return
        self._again = None
        self._say(result)

    def _who(self) -> dict[str, str]:
        return {} if self.peer is None else {"peer": str(self.peer)}

    def _ready(self, _: str) -> Outcome | None:
        return CheckPeer() if self.peer is None else None

    def _may_send(self, reverse_path: str) -> Outcome | None:
        assert self.peer is not None
        return self._allowed(self.peer, domain_of(reverse_path))

    def _may_receive(self, recipient: str) -> Outcome | None:
        known = self._knows(recipient)
        if known is None:
            return refusals.RECIPIENT_NOT_OURS
        return None if known else refusals.RECIPIENT_UNKNOWN

    def _may_pass(self, header: Header, _: Envelope) -> Outcome | None:
        assert self.peer is not None
        authors = header.addresses("From")
        if not authors:
            return refusals.HEADER
        for each in authors:
            if self._allowed(self.peer, domain_of(each)) is not None:
                return refusals.FROM_NOT_LISTED
        return refusals.NAME_MISLEADS if header.misleads("From") else None
