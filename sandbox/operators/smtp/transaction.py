"""A message under way: what MAIL and RCPT say, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.post.addresses import AddressError, read_path
from sandbox.operators.smtp.events import Reply

__all__ = [
    "MailParameters",
    "ParameterError",
    "RcptParameters",
    "Transaction",
    "mail_parameters",
    "rcpt_parameters",
    "read_mail",
    "read_rcpt",
]

_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u00a0-\U0010fffd]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_TYPED = re.compile(r"[A-Za-z0-9.-]+;(.+)")
ENVID_CHARACTERS, ORCPT_CHARACTERS = 100, 500  # RFC 3461 §5.2, §4.2
NOTIFY = ("SUCCESS", "FAILURE", "DELAY")


class ParameterError(Exception):
    """A parameter that is refused; `reply` says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParameters:
    """What MAIL said besides the reverse-path; values as in `Envelope`, `size` in octets or 0."""

    size: int = 0
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RcptParameters:
    """What RCPT said besides the forward-path; values as in `Recipient`."""

    notify: tuple[str, ...] = ()
    orcpt: str = ""


def mail_parameters(text: str, *, authentication: bool) -> MailParameters:
    """Read what follows the reverse-path.

    Args:
        text: empty, or a space and parameters.
        authentication: whether AUTH is offered, hence its parameter (RFC 4954 §5) taken; nobody
            here is trusted to vouch for another, so its value is not used.

    Raises:
        ParameterError: malformed or unknown.
    """
    given = _split(text)
    size = given.pop("SIZE", "0")
    if size is None or not re.fullmatch(r"[0-9]{1,20}", size):
        raise _bad("SIZE takes a number of octets")
    body = (given.pop("BODY", "7BIT") or "").upper()
    if body not in {"7BIT", "8BITMIME"}:
        raise _bad("BODY is 7BIT or 8BITMIME")
    smtputf8 = given.pop("SMTPUTF8", "no")
    if smtputf8 not in {None, "no"}:
        raise _bad("SMTPUTF8 takes no value")
    ret = (given.pop("RET", "") or "").upper() if "RET" in given else ""
    if "RET" in _split(text) and ret not in {"FULL", "HDRS"}:
        raise _bad("RET is FULL or HDRS")
    envid = _xtext("ENVID", given, ENVID_CHARACTERS)
    if authentication:
        _xtext("AUTH", given, ORCPT_CHARACTERS)
    _nothing_left(given)
    return MailParameters(
        size=int(size), body=body, smtputf8=smtputf8 is None, ret=ret, envid=envid
    )


def rcpt_parameters(text: str, *, smtputf8: bool) -> RcptParameters:
    """Read what follows the forward-path.

    Raises:
        ParameterError: malformed or unknown.
    """
    given = _split(text)
    notify: tuple[str, ...] = ()
    if "NOTIFY" in given:
        notify = tuple((given.pop("NOTIFY") or "").upper().split(","))
        if notify != ("NEVER",) and (
            len(set(notify)) != len(notify) or not set(notify) <= set(NOTIFY)
        ):
            raise _bad("NOTIFY is NEVER, or of SUCCESS, FAILURE, DELAY, each once")
    orcpt = given.pop("ORCPT", "")
    if orcpt != "":
        typed = _TYPED.fullmatch(orcpt or "")
        # RFC 6533 §3: with SMTPUTF8 an address of type utf-8 may hold UTF-8.
        wide = typed is not None and smtputf8 and (orcpt or "").lower().startswith("utf-8;")
        if (
            orcpt is None
            or typed is None
            or len(orcpt) > ORCPT_CHARACTERS
            or not (wide or _XTEXT.fullmatch(typed[1]))
        ):
            raise _bad("ORCPT is a type, a semicolon and xtext")
    _nothing_left(given)
    return RcptParameters(notify=notify, orcpt=orcpt or "")


def _split(text: str) -> dict[str, str | None]:
    if text and not text.startswith(" "):
        raise _bad("a space comes after the path")
    given: dict[str, str | None] = {}
    for each in text.split():
        found = _PARAMETER.fullmatch(each)
        if found is None:
            raise _bad("a parameter is KEYWORD or KEYWORD=value")
        keyword = found[1].upper()
        if keyword in given:
            raise _bad("a parameter is given twice")
        given[keyword] = found[2]
    return given


def _xtext(keyword: str, given: dict[str, str | None], characters: int) -> str:
    if keyword not in given:
        return ""
    value = given.pop(keyword) or ""
    if not value or len(value) > characters or not _XTEXT.fullmatch(value):
        raise _bad(f"{keyword} is xtext of at most {characters} characters")
    return value


def _nothing_left(given: dict[str, str | None]) -> None:
    if given:
        raise ParameterError(Reply(555, "5.5.4", "Parameter not known here"))


def _bad(why: str) -> ParameterError:
    return ParameterError(Reply(501, "5.5.4", f"Bad parameter: {why}"))


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
