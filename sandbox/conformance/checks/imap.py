"""IMAP: what a server of mailboxes says and does (RFC 9051, RFC 3501, RFC 2177)."""

from __future__ import annotations

import re

from sandbox.conformance.bench import Bench
from sandbox.conformance.checks.register import check, imaps, once, refuse
from sandbox.conformance.connection import CutError, SilentError
from sandbox.conformance.findings import NotHere, NotMet, Unsure
from sandbox.conformance.imap import ImapAnswer, ImapProbe
from sandbox.conformance.subject import CheckedDoor, CheckedMailbox

__all__: list[str] = []

ODD = b".\r\n..a\r\n\xc3\xa9 fin\r\n"  # what a transport might change


@check("imap-greeting", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    imap = ImapProbe(bench.greeted(door))
    line = imap.response()
    if not re.match(rb"\* (OK|PREAUTH|BYE)\b", line, re.IGNORECASE):
        raise refuse(line[:60], "accueil illisible", "unreadable greeting")


@check("imap-revision", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    offers = bench.imap(door).capabilities()
    if not {"IMAP4REV1", "IMAP4REV2"} & offers:
        raise NotMet("ni IMAP4rev1 ni IMAP4rev2", "neither IMAP4rev1 nor IMAP4rev2")


@check("imap-unknown-command", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.imap(door).say("XCONTROLE").wants("BAD")


@check("imap-case", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.imap(door).say("nOoP").wants("OK")


@check("imap-logout", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    answer = bench.imap(door).say("LOGOUT").wants("OK")
    if answer.find(rb"^\* BYE") is None:
        raise NotMet("OK sans BYE", "OK without BYE")


@check("imap-login-needed", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    answer = bench.imap(door).say("SELECT INBOX")
    if answer.kind == "OK":
        raise refuse(answer, "boîte ouverte sans authentification", "a mailbox opened unnamed")


@check("imap-auth-cancel", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    imap = bench.imap(door)
    if "AUTH=PLAIN" not in imap.capabilities():
        raise NotHere("PLAIN n'est pas offert", "PLAIN is not offered")
    imap.say("AUTHENTICATE PLAIN").wants("+")
    imap.more(b"*").wants("BAD")


@check("imap-auth-unknown-mechanism", imaps)
def _(bench: Bench, door: CheckedDoor) -> None:
    bench.imap(door).say("AUTHENTICATE X-CONTROLE").wants("NO", "BAD")


def _selected(bench: Bench) -> tuple[ImapProbe, CheckedMailbox, ImapAnswer]:
    imap, account = bench.reader()
    return imap, account, imap.say("SELECT INBOX").reached()


def _added(bench: Bench) -> tuple[ImapProbe, str, bytes]:
    """Return a session with INBOX selected, a message just put there, its UID and its octets."""
    imap, _ = bench.reader()
    mark = bench.mark()
    content = f"From: <x@example.test>\r\nSubject: {mark}\r\n\r\n".encode() + ODD
    imap.append("INBOX", content).reached()
    imap.say("SELECT INBOX").reached()
    found = imap.say(f'UID SEARCH TEXT "{mark}"').reached().find(rb"^\* SEARCH (\d+)")
    if found is None:
        raise Unsure("message déposé introuvable", "a message that was put is not found")
    return imap, found[1].decode(), content


@check("imap-select", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    _, _, answer = _selected(bench)
    for name, pattern in {
        "FLAGS": rb"^\* FLAGS \(", "EXISTS": rb"^\* \d+ EXISTS",
        "UIDVALIDITY": rb"\[UIDVALIDITY [1-9]\d*\]", "UIDNEXT": rb"\[UIDNEXT [1-9]\d*\]",
    }.items():  # fmt: skip
        if answer.find(pattern) is None:
            raise NotMet(f"SELECT sans {name}", f"SELECT without {name}")
    if answer.code != "READ-WRITE":
        raise refuse(answer, "SELECT sans READ-WRITE", "SELECT without READ-WRITE")


@check("imap-inbox-case", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, _ = bench.reader()
    imap.say("SELECT iNbOx").wants("OK")


@check("imap-list-inbox", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, _ = bench.reader()
    if imap.say('LIST "" "*"').reached().find(rb'^\* LIST .*[ "]INBOX"?\r\n') is None:
        raise NotMet("INBOX absente de LIST", "INBOX not in LIST")


@check("imap-no-such-mailbox", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, _ = bench.reader()
    imap.say("SELECT controle-absent").wants("NO")


@check("imap-examine", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, _ = _added(bench)
    answer = imap.say("EXAMINE INBOX").reached()
    if answer.code != "READ-ONLY":
        raise refuse(answer, "EXAMINE sans READ-ONLY", "EXAMINE without READ-ONLY")
    imap.say(f"UID STORE {uid} +FLAGS (\\Flagged)")
    imap.say("SELECT INBOX").reached()
    if imap.say(f"UID FETCH {uid} (FLAGS)").find(rb"\\Flagged"):
        raise NotMet("EXAMINE laisse changer les drapeaux", "flags change under EXAMINE")


@check("imap-status", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, _ = bench.reader()
    answer = imap.say("STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)").wants("OK")
    for name in (b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN"):
        if answer.find(name + rb" \d+") is None:
            raise NotMet(f"STATUS sans {name.decode()}", f"STATUS without {name.decode()}")


@check("imap-append-exact", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, content = _added(bench)
    got = imap.say(f"UID FETCH {uid} (BODY.PEEK[])").reached().literal()
    if got != content:
        raise NotMet(f"{len(content)} octets déposés, {len(got)} rendus ou autres",
                   f"{len(content)} octets put, {len(got)} or others given back")  # fmt: skip


@check("imap-size", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, content = _added(bench)
    found = imap.say(f"UID FETCH {uid} (RFC822.SIZE)").reached().find(rb"RFC822\.SIZE (\d+)")
    if found is None or int(found[1]) != len(content):
        raise NotMet(
            "RFC822.SIZE n'est pas le nombre d'octets", "RFC822.SIZE is not the octet count"
        )


@check("imap-peek", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, _ = _added(bench)
    imap.say(f"UID FETCH {uid} (BODY.PEEK[])").reached()
    if imap.say(f"UID FETCH {uid} (FLAGS)").reached().find(rb"\\Seen"):
        raise NotMet("BODY.PEEK marque comme lu", "BODY.PEEK sets \\Seen")


@check("imap-seen", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, _ = _added(bench)
    imap.say(f"UID FETCH {uid} (BODY[])").reached()
    if imap.say(f"UID FETCH {uid} (FLAGS)").reached().find(rb"\\Seen") is None:
        raise NotMet("BODY[] ne marque pas comme lu", "BODY[] does not set \\Seen")


@check("imap-flags-kept", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, _ = _added(bench)
    imap.say(f"UID STORE {uid} +FLAGS (\\Flagged)").reached()
    again, _, _ = _selected(bench)
    if again.say(f"UID FETCH {uid} (FLAGS)").reached().find(rb"\\Flagged") is None:
        raise NotMet("drapeau perdu à la session suivante", "flag lost in the next session")


@check("imap-expunge", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, _ = _added(bench)
    imap.say(f"UID STORE {uid} +FLAGS (\\Deleted)").reached()
    answer = imap.say("EXPUNGE").reached()
    if answer.find(rb"^\* (\d+ EXPUNGE|VANISHED)") is None:
        raise NotMet("EXPUNGE ne dit rien", "EXPUNGE tells nothing")
    if imap.say(f"UID FETCH {uid} (FLAGS)").find(rb"FETCH"):
        raise NotMet("message encore là après EXPUNGE", "message still there after EXPUNGE")


@check("imap-uid-ascending", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, first, _ = _added(bench)
    imap.say(f"UID STORE {first} +FLAGS (\\Deleted)").reached()
    imap.say("EXPUNGE").reached()
    _, second, _ = _added(bench)
    if int(second) <= int(first):
        raise NotMet(f"UID {second} après {first}", f"UID {second} after {first}")


@check("imap-uidvalidity-kept", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    values = set()
    for _ in range(2):
        _, _, answer = _selected(bench)
        found = answer.find(rb"\[UIDVALIDITY (\d+)\]")
        values.add(found[1] if found else b"")
    if len(values) > 1:
        raise NotMet(
            "UIDVALIDITY change entre deux sessions", "UIDVALIDITY changes between sessions"
        )


@check("imap-search", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, uid, _ = _added(bench)
    imap.say(f"UID STORE {uid} +FLAGS (\\Flagged)").reached()
    for criterion, there in (("FLAGGED", True), ("UNFLAGGED", False)):
        found = imap.say(f"UID SEARCH {criterion}").wants("OK").find(rb"^\* SEARCH(.*)")
        uids = found[1].split() if found else []
        if (uid.encode() in uids) is not there:
            raise NotMet(f"SEARCH {criterion} se trompe", f"SEARCH {criterion} is wrong")


@check("imap-idle", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    imap, account, _ = _selected(bench)
    if "IDLE" not in imap.capabilities():
        raise NotMet("IDLE non annoncé", "IDLE not offered")
    imap.say("IDLE").wants("+")
    other = bench.reader_of(account)
    other.append("INBOX", b"Subject: idle\r\n\r\nBonjour\r\n").reached()
    try:
        while not re.match(rb"\* \d+ EXISTS", imap.response(), re.IGNORECASE):
            pass
    except (SilentError, CutError):
        raise NotMet("IDLE n'annonce pas un message", "IDLE does not tell of a message") from None
    imap.more(b"DONE").wants("OK")
