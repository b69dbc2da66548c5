"""Submission: what an SMTP server of clients says and does (RFC 5321, 6409, 4954, 1870, 3461)."""

from __future__ import annotations

from sandbox.conformance.bench import Bench
from sandbox.conformance.checks.register import check, once, refuse, smtps
from sandbox.conformance.connection import CutError, SilentError
from sandbox.conformance.findings import NotHere, NotMet, Unsure
from sandbox.conformance.smtp import SmtpProbe
from sandbox.conformance.subject import CheckedDoor

__all__ = ["ELSEWHERE", "NOWHERE"]

NOWHERE = "personne-controle"  # a mailbox that nobody has
LARGEST = 40_000_000  # octets of a message that is tried; a limit above is not
LEAST = 25 * 1024 * 1024
# Ways to write a recipient elsewhere; the last two name a relay route (RFC 5321 §4.1.1.3).
ELSEWHERE = (
    "x@example.org", "x%example.org@{domain}", '"x@example.org"@{domain}', "example.org!x",
    "x@example.org.", "x@[192.0.2.1]", "@{domain}:x@example.org",
    "@example.org,@{domain}:x@example.org",
)  # fmt: skip


@check("smtp-greeting", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = SmtpProbe(
        bench.clear(door)
        if door.tls == "starttls"
        else bench.tls(door, bench.showing(bench.usual(door)))
    )
    reply = smtp.reply().wants(220)
    host = (reply.lines[0].split() or [""])[0]
    if "." not in host and not host.startswith("["):
        raise NotMet(f"220 sans nom d'hôte : « {reply} »", f'220 without a host name: "{reply}"')


@check("smtp-ehlo", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = SmtpProbe(bench.tls(door, bench.showing(bench.usual(door))))
    if door.tls == "implicit":
        smtp.reply().reached(220)
    smtp.hello().wants(250)


@check("smtp-size-offered", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    if "SIZE" not in bench.smtp(door).offers:
        raise NotMet("SIZE non annoncé", "SIZE not offered")


@check("smtp-dsn-offered", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    if "DSN" not in bench.smtp(door).offers:
        raise NotMet("DSN non annoncé", "DSN not offered")


@check("smtp-8bitmime-offered", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    if "8BITMIME" not in bench.smtp(door).offers:
        raise NotMet("8BITMIME non annoncé", "8BITMIME not offered")


@check("smtp-enhanced-codes", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = bench.smtp(door)
    if "ENHANCEDSTATUSCODES" not in smtp.offers:
        raise NotMet("ENHANCEDSTATUSCODES non annoncé", "ENHANCEDSTATUSCODES not offered")
    reply = smtp.say("NOOP").reached(250)
    if reply.lines[-1][:2] not in ("2.", "4.", "5."):
        raise NotMet(f"réponse sans code étendu : « {reply} »", f'no enhanced code: "{reply}"')


@check("smtp-unknown-command", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.smtp(door).say("XCONTROLE").wants(500, 502)


@check("smtp-case", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.smtp(door).say("nOoP").wants(250)


@check("smtp-rset", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.smtp(door).say("RSET").wants(250)


@check("smtp-quit", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = bench.smtp(door)
    smtp.say("QUIT").wants(221)
    try:
        smtp.connection.line()
    except (CutError, SilentError) as error:
        if isinstance(error, SilentError):
            raise NotMet("221 sans fermer la connexion", "221, and the connection stays") from None


@check("smtp-vrfy", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = bench.smtp(door)
    known = smtp.say(f"VRFY {bench.subject.accounts[0].address}")
    unknown = smtp.say(f"VRFY {NOWHERE}@{bench.subject.domain}")
    if known.code != unknown.code or known.code in (250, 251):
        raise NotMet(f"VRFY distingue les BAL : « {known} », « {unknown} »",
                   f'VRFY tells mailboxes apart: "{known}", "{unknown}"')  # fmt: skip


@check("smtp-login-needed", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    own = bench.subject.accounts[0].address
    for written in (own, *ELSEWHERE):
        smtp = bench.smtp(door)
        reply = smtp.say(f"MAIL FROM:<{own}>")
        if reply.good:
            reply = smtp.say(f"RCPT TO:<{written.format(domain=bench.subject.domain)}>")
        if reply.good and smtp.say("DATA").code == 354:
            raise refuse(written, "message accepté sans authentification", "message taken unnamed")
        if reply.refused:
            return  # nobody gets that far, whatever the recipient


@check("smtp-auth-unknown-mechanism", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.smtp(door).say("AUTH X-CONTROLE").wants(504)


def _exchange(bench: Bench, door: CheckedDoor) -> SmtpProbe:
    smtp = bench.smtp(door)
    if "PLAIN" not in smtp.offers.get("AUTH", []):
        raise NotHere("PLAIN n'est pas offert", "PLAIN is not offered")
    smtp.say("AUTH PLAIN").reached(334)
    return smtp


@check("smtp-auth-cancel", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    _exchange(bench, door).say("*").wants(501)


@check("smtp-auth-not-base64", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    _exchange(bench, door).say("%%%").wants(501)


@check("smtp-auth-once", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, _ = bench.sender()
    if "AUTH" not in smtp.offers:
        raise NotHere("le certificat suffit", "the certificate is enough")
    smtp.say("AUTH PLAIN").wants(503)


@check("smtp-order", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    smtp.say(f"RCPT TO:<{account.address}>").wants(503)


@check("smtp-syntax", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    reply = smtp.say(f"MAIL FROM:<{account.address}")
    if not 500 <= reply.code < 600:
        raise refuse(reply, "commande mal écrite acceptée", "malformed command taken")


@check("smtp-parameter", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    smtp.say(f"MAIL FROM:<{account.address}> XCONTROLE=1").wants(501, 504, 555)


@check("smtp-no-recipient", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    smtp.say(f"MAIL FROM:<{account.address}>").reached(250)
    smtp.say("DATA").wants(503, 554)


@check("smtp-sender-owned", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    others = [a.address for a in bench.subject.accounts if a.address != account.address]
    if not others:
        raise Unsure("il faut deux comptes", "two accounts are needed")
    reply = smtp.say(f"MAIL FROM:<{others[0]}>")
    if reply.good and (reply := smtp.say(f"RCPT TO:<{account.address}>")).good:
        raise refuse(reply, "émetteur d'un autre accepté", "another's address taken as sender")


@check("smtp-size-declared", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    limit = _limit(smtp)
    if not limit:
        raise NotHere("aucune limite annoncée", "no limit is told")
    reply = smtp.say(f"MAIL FROM:<{account.address}> SIZE={limit + 1_000_000}")
    if reply.good:
        reply = smtp.say(f"RCPT TO:<{account.address}>")
    reply.wants(552, 452, 451)


@check("smtp-size-least", smtps)
def _(bench: Bench, door: CheckedDoor) -> None:
    limit = _limit(bench.smtp(door))
    if limit and limit < LEAST:
        raise NotMet(f"limite de {limit} octets", f"a limit of {limit} octets")


@check("smtp-size-enforced", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    smtp, account = bench.sender()
    limit = _limit(smtp)
    if not limit or limit > LARGEST:
        raise NotHere("pas de limite à essayer", "no limit to try")
    smtp.say(f"MAIL FROM:<{account.address}>").reached(250)
    smtp.say(f"RCPT TO:<{account.address}>").reached(250)
    mark = bench.mark()
    head = bench.message(account.address, account.address, mark)
    try:
        reply = smtp.content(head + b"\r\n" + b"x" * 76 + (b"\r\n" + b"x" * 76) * (limit // 78))
    except (CutError, SilentError):
        return
    if reply.good:
        raise refuse(reply, "message trop gros accepté", "message over the limit taken")


def _limit(smtp: SmtpProbe) -> int:
    words = smtp.offers.get("SIZE", [])
    return int(words[0]) if words and words[0].isdigit() else 0


@check("smtp-smuggling", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    """Nothing but CRLF "." CRLF ends a message: one answer is due, then that to QUIT."""
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"):
        smtp, account = bench.sender()
        smtp.say(f"MAIL FROM:<{account.address}>").reached(250)
        smtp.say(f"RCPT TO:<{account.address}>").reached(250)
        smtp.say("DATA").reached(354)
        message = bench.message(account.address, account.address, bench.mark())
        smtp.connection.transcript.note("C", f"(message, {end!r}, NOOP, CRLF.CRLF)")
        try:
            smtp.connection.send(message + end + b"NOOP\r\n\r\n.\r\n")
            if not smtp.reply().good:
                continue
            smtp.put("QUIT")
            second = smtp.reply()
        except (CutError, SilentError):
            continue
        if second.code != 221:
            raise refuse(second, f"{end!r} termine un message", f"{end!r} ends a message")


@check("smtp-recipient-elsewhere", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    """Out of the list: refused at once, or a notification says so."""
    _refused_or_told(bench, "x@example.org")


@check("smtp-recipient-unknown", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    """No such mailbox: refused at once, or a notification says so."""
    _refused_or_told(bench, f"{NOWHERE}@{bench.subject.domain}")


def _refused_or_told(bench: Bench, recipient: str) -> None:
    """Fail where mail to a recipient is taken and nobody is told that it cannot be delivered."""
    smtp, account = bench.sender()
    smtp.say(f"MAIL FROM:<{account.address}>").reached(250)
    if smtp.say(f"RCPT TO:<{recipient}>").refused:
        return
    mark = bench.mark()
    if smtp.content(bench.message(account.address, recipient, mark)).refused:
        return
    imap = bench.reader_of(account)
    if bench.find(imap, mark) is None:
        raise refuse(recipient, "accepté sans avis d'échec", "taken, and no notification came")
