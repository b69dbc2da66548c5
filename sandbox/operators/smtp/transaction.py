"""A message under way: what MAIL and RCPT say, read strictly."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.post.addresses import AddressError, read_path
from sandbox.operators.smtp.parameters import (
    MailParameters,
    ParameterError,
    mail_parameters,
    rcpt_parameters,
)
from sandbox.operators.smtp.replies import Reply

__all__ = ["Transaction", "read_mail", "read_rcpt"]

_NEEDS_EHLO = Reply(501, "5.5.4", "Parameters need EHLO")
_NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "Non-ASCII address without SMTPUTF8")


@dataclass(slots=True)
class Transaction:
    """A message under way."""

    reverse_path: str
    given: MailParameters
    recipients: list[Recipient] = field(default_factory=list)

    def envelope(self, content: bytes) -> Envelope:
        """Return the envelope; 8-bit content is called so, whatever MAIL said."""
        return Envelope(
            reverse_path=self.reverse_path,
            recipients=tuple(self.recipients),
            body=self.given.body if content.isascii() else "8BITMIME",
            smtputf8=self.given.smtputf8,
            ret=self.given.ret,
            envid=self.given.envid,
        )


def read_mail(argument: str, *, esmtp: bool, authentication: bool) -> Transaction | Reply:
    """Read what follows MAIL; a reply says what is wrong with it.

    Args:
        argument: `FROM:<path>` and parameters.
        esmtp: whether EHLO was said: HELO knows no parameters.
        authentication: as for `mail_parameters`.
    """
    if argument[:5].upper() != "FROM:":
        return Reply(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
    try:
        sender, rest = read_path(argument[5:].lstrip(" "))
        given = mail_parameters(rest, authentication=authentication)
    except AddressError as error:
        return Reply(501, "5.1.7", f"Bad sender: {error}")
    except ParameterError as error:
        return error.reply
    if sender == "postmaster":
        return Reply(501, "5.1.7", "Bad sender: it has no domain")
    if rest and not esmtp:
        return _NEEDS_EHLO
    if not argument.isascii() and not given.smtputf8:
        return _NEEDS_SMTPUTF8
    return Transaction(sender, given)


def read_rcpt(argument: str, *, esmtp: bool, smtputf8: bool) -> Recipient | Reply:
    """Read what follows RCPT; a reply says what is wrong with it.

    Args:
        argument: `TO:<path>` and parameters.
        esmtp: whether EHLO was said.
        smtputf8: whether MAIL asked for it.
    """
    if argument[:3].upper() != "TO:":
        return Reply(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
    try:
        address, rest = read_path(argument[3:].lstrip(" "))
        given = rcpt_parameters(rest, smtputf8=smtputf8)
    except AddressError as error:
        return Reply(501, "5.1.3", f"Bad recipient: {error}")
    except ParameterError as error:
        return error.reply
    if not address:
        return Reply(501, "5.1.3", "Bad recipient: a recipient has an address")
    if rest and not esmtp:
        return _NEEDS_EHLO
    if not argument.isascii() and not smtputf8:
        return _NEEDS_SMTPUTF8
    return Recipient(address=address, notify=given.notify, orcpt=given.orcpt)
