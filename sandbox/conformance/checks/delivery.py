"""What becomes of a message: delivered, intact, traced, told of, still there after a crash."""

from __future__ import annotations

import re

from sandbox.conformance.bench import Bench
from sandbox.conformance.checks.register import check, once
from sandbox.conformance.checks.submission import NOWHERE
from sandbox.conformance.connection import CutError, SilentError, UnreachableError
from sandbox.conformance.findings import NotHere, NotMet, Unsure
from sandbox.conformance.subject import CheckedDoor, CheckedMailbox

__all__: list[str] = []

TEXT = ".\r\n..deux points\r\nAccents : é è ç œ €\r\nFin"
RESTART_SECONDS = 120.0
LOAD_SECONDS = 5.0
LATE = 1.2  # as long as that times LOAD_SECONDS still is the rate


def _send(bench: Bench, recipient: str, mark: str) -> None:
    smtp, account = bench.sender()
    smtp.say(f"MAIL FROM:<{account.address}>").reached(250)
    smtp.say(f"RCPT TO:<{recipient}>").reached(250)
    smtp.content(bench.message(account.address, recipient, mark, "Bonjour.\n")).reached(250)


@check("delivery-local", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    mark, recipient = bench.mark(), bench.who_reads()
    _send(bench, recipient.address, mark)
    if bench.find(bench.reader_of(recipient), mark) is None:
        raise NotMet("message accepté (250), jamais remis", "taken (250), never delivered")


def _received(bench: Bench) -> bytes:
    """Send a message with dots and accents in 8 bits to a mailbox; return what came."""
    mark, recipient = bench.mark(), bench.who_reads()
    smtp, account = bench.sender()
    eight = "8BITMIME" in smtp.offers
    smtp.say(f"MAIL FROM:<{account.address}>{' BODY=8BITMIME' if eight else ''}").reached(250)
    smtp.say(f"RCPT TO:<{recipient.address}>").reached(250)
    smtp.content(
        f"From: <{account.address}>\r\nTo: <{recipient.address}>\r\nSubject: {mark}\r\n"
        f"Message-ID: <{mark}@{bench.subject.domain}>\r\nDate: Thu, 26 Nov 2026 10:00:00 +0100\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n{TEXT}".encode()
    ).reached(250)
    content = bench.find(bench.reader_of(recipient), mark)
    if content is None:
        raise Unsure("le message n'est pas venu", "the message did not come")
    return content


@check("delivery-intact", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    body = _received(bench).partition(b"\r\n\r\n")[2].rstrip(b"\r\n")
    if body != TEXT.encode():
        raise NotMet("points ou accents altérés en route", "dots or accents changed on the way")


@check("delivery-received", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    head = _received(bench).partition(b"\r\n\r\n")[0].lower()
    if b"\r\nreceived:" not in b"\r\n" + head:
        raise NotMet("aucun Received", "no Received field")


@check("delivery-return-path", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    head = _received(bench).partition(b"\r\n\r\n")[0].lower()
    if b"\r\nreturn-path:" not in b"\r\n" + head:
        raise NotMet("aucun Return-Path à la remise", "no Return-Path at delivery")


@check("delivery-message-id", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    head = _received(bench).partition(b"\r\n\r\n")[0].lower()
    if b"\r\nmessage-id: <controle-" not in head:
        raise NotMet("Message-ID changé", "Message-ID changed")


@check("delivery-out", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    near = bench.subject.neighbour
    if near is None or near.account is None:
        raise Unsure("aucune BAL d'un voisin donnée", "no mailbox of a neighbour was given")
    mark = bench.mark()
    _send(bench, near.account.address, mark)
    if bench.find(bench.reader_of(near.account, near.doors), mark) is None:
        raise NotMet("message jamais arrivé chez le voisin", "it never came to the neighbour")


# Delivery status notifications (RFC 3461, RFC 3464).


def _notified(bench: Bench, recipient: str, rcpt: str) -> tuple[bytes, str, str] | None:
    """Return the notification about a message, its envelope id and mark; None where none came."""
    mark = bench.mark()
    envelope = f"env-{mark}"
    smtp, account = bench.sender()
    if "DSN" not in smtp.offers:
        raise NotHere("DSN non annoncé", "DSN is not offered")
    smtp.say(f"MAIL FROM:<{account.address}> RET=HDRS ENVID={envelope}").reached(250)
    reply = smtp.say(f"RCPT TO:<{recipient}> {rcpt}")
    if reply.refused:
        raise NotHere("refusé d'emblée", "refused at once")
    smtp.content(bench.message(account.address, recipient, mark)).reached(250)
    content = bench.find(bench.reader_of(account), envelope)
    return None if content is None else (content, envelope, mark)


@check("dsn-success", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    sender = bench.sender()[1]
    others = [each for each in bench.subject.accounts if each.address != sender.address]
    if not others:
        raise Unsure("il faut deux comptes", "two accounts are needed")
    got = _notified(bench, others[0].address, "NOTIFY=SUCCESS")
    if got is None:
        raise NotMet("aucun avis de remise", "no notification of delivery")
    # Relayed or expanded: handed on to what gives no notifications (RFC 3464 §2.3.3).
    if not re.search(rb"\r\naction: (delivered|relayed|expanded)", got[0].lower()):
        raise NotMet("avis sans Action: delivered", "a notification without Action: delivered")


def _failed(bench: Bench) -> bytes:
    near = bench.subject.neighbour
    if near is None:
        raise Unsure("aucun voisin donné", "no neighbour was given")
    got = _notified(bench, f"{NOWHERE}@{near.domain}", "NOTIFY=FAILURE")
    if got is None and not near.strict:
        raise Unsure("le voisin a pu prendre le message", "the neighbour may have taken it")
    if got is None:
        raise NotMet("aucun avis d'échec", "no notification of failure")
    return got[0].lower()


@check("dsn-failure", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    if b"\r\naction: failed" not in _failed(bench):
        raise NotMet("avis sans Action: failed", "a notification without Action: failed")


@check("dsn-form", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    try:
        content = _failed(bench)
    except NotMet:
        raise Unsure("aucun avis à lire", "no notification to read") from None
    for part in (b"multipart/report", b"report-type=", b"message/delivery-status",
                 b"\r\nfinal-recipient:", b"\r\nstatus: 5."):  # fmt: skip
        if part not in content:
            name = part.decode().strip()
            raise NotMet(f"avis sans {name}", f"a notification without {name}")


@check("dsn-null-sender", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    try:
        content = _failed(bench)
    except NotMet:
        raise Unsure("aucun avis à lire", "no notification to read") from None
    if b"return-path:" not in content:
        raise Unsure("avis sans Return-Path", "a notification without Return-Path")
    if b"return-path: <>" not in content:
        raise NotMet("l'avis a un émetteur : il pourrait tourner en rond",
                   "the notification has a sender: it could go in a circle")  # fmt: skip


@check("load-sustained", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    """At a given rate everything is taken and delivered."""
    if not bench.rate:
        raise NotHere("aucun débit donné (--rate)", "no rate was given (--rate)")
    recipient = bench.who_reads()
    marks = [bench.mark() for _ in range(max(1, round(bench.rate * LOAD_SECONDS)))]
    smtp, account = bench.sender()
    begin = bench.lab.now()
    for number, mark in enumerate(marks):
        bench.lab.sleep(max(0.0, begin + number / bench.rate - bench.lab.now()))
        for reply in (
            smtp.say(f"MAIL FROM:<{account.address}>"),
            smtp.say(f"RCPT TO:<{recipient.address}>"),
            smtp.content(bench.message(account.address, recipient.address, mark)),
        ):
            if reply.refused:
                raise NotMet(f"refus au message {number + 1} : « {reply} »",
                           f'refused at message {number + 1}: "{reply}"')  # fmt: skip
    took = bench.lab.now() - begin
    lost = bench.missing(bench.reader_of(recipient), marks)
    if len(lost) == len(marks):
        raise Unsure("rien n'est remis, charge ou non", "nothing is delivered, load or not")
    if lost:
        raise NotMet(f"{len(lost)} messages sur {len(marks)} jamais remis",
                   f"{len(lost)} messages of {len(marks)} never delivered")  # fmt: skip
    if took > LOAD_SECONDS * LATE:
        told = f"{len(marks) / took:.1f} < {bench.rate:g} messages/s"
        raise Unsure(f"{told} : l'un après l'autre, ils ne vont pas si vite",
                     f"{told}: one after the other they go no faster")  # fmt: skip


@check("kept-after-crash", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    """Everything that 250 promised is there after a kill."""
    recipient = bench.who_reads()
    marks = [bench.mark() for _ in range(5)]
    for mark in marks:
        _send(bench, recipient.address, mark)
    try:
        bench.lab.crash()
    except UnreachableError as error:
        raise Unsure(f"non tué ({error})", f"not killed ({error})") from None
    end = bench.lab.now() + RESTART_SECONDS
    while True:
        try:
            imap = bench.reader_of(recipient)
            break
        except (UnreachableError, CutError, SilentError, Unsure):
            if bench.lab.now() > end:
                raise Unsure("n'est pas revenu", "it did not come back") from None
            bench.lab.sleep(0.5)
    lost = [mark for mark in marks if bench.find(imap, mark) is None]
    if lost and not _still_delivers(bench, recipient):
        raise Unsure("rien n'est remis, même sans arrêt", "nothing is delivered, crash or not")
    if lost:
        raise NotMet(f"{len(lost)} messages sur {len(marks)} perdus",
                   f"{len(lost)} messages of {len(marks)} lost")  # fmt: skip


def _still_delivers(bench: Bench, recipient: CheckedMailbox) -> bool:
    mark = bench.mark()
    _send(bench, recipient.address, mark)
    return bench.find(bench.reader_of(recipient), mark) is not None
