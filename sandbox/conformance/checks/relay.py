"""What another operator sees: who may relay, from which domains, to whom; records in the DNS."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.conformance.bench import Bench
from sandbox.conformance.checks.register import check, once, refuse, relays
from sandbox.conformance.checks.submission import ELSEWHERE, NOWHERE
from sandbox.conformance.connection import CutError, TlsRefusedError, UnreachableError
from sandbox.conformance.findings import NotHere, NotMet, Unsure
from sandbox.conformance.smtp import SmtpProbe
from sandbox.conformance.subject import CheckedDoor, Neighbour, Pair
from sandbox.space.addresses import CONTROLLER

__all__: list[str] = []


def _neighbour(bench: Bench) -> tuple[Neighbour, Pair]:
    found = bench.subject.neighbour
    if found is None or found.relay is None:
        raise Unsure("aucun opérateur voisin donné", "no neighbouring operator was given")
    return found, found.relay


def _own(bench: Bench) -> str:
    return bench.subject.accounts[0].address


def _entered(bench: Bench, door: CheckedDoor) -> SmtpProbe:
    """Return a connection of the neighbour's relay, past EHLO."""
    return bench.smtp(door, _neighbour(bench)[1])


def _takes(bench: Bench, door: CheckedDoor, pair: Pair | None, sender: str, recipient: str) -> str:
    """Return the last reply where a message may be begun; empty where it is refused."""
    try:
        smtp = SmtpProbe(bench.tls(door, bench.showing(pair)))
        if door.tls == "implicit" and smtp.reply().refused:
            return ""
        if smtp.hello().refused or smtp.say(f"MAIL FROM:<{sender}>").refused:
            return ""
        reply = smtp.say(f"RCPT TO:<{recipient}>")
        return "" if reply.refused or smtp.say("DATA").code != 354 else str(reply)
    except (CutError, TlsRefusedError):
        return ""


def _sender(bench: Bench) -> str:
    return f"{CONTROLLER}@{_neighbour(bench)[0].domain}"


@check("relay-starttls", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    if door.tls == "starttls" and "STARTTLS" not in bench.smtp_in_clear(door).offers:
        raise NotMet("STARTTLS non annoncé", "STARTTLS not offered")


@check("relay-clear-refused", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    if door.tls != "starttls":
        raise NotHere("TLS d'emblée", "TLS from the start")
    smtp = bench.smtp_in_clear(door)
    reply = smtp.say("MAIL FROM:<>")
    if reply.good and (reply := smtp.say(f"RCPT TO:<{_own(bench)}>")).good:
        raise refuse(reply, "message accepté en clair", "a message is taken in clear")


@check("relay-in", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp, own, mark = _entered(bench, door), _own(bench), bench.mark()
    sender = _sender(bench)
    smtp.say(f"MAIL FROM:<{sender}>").wants(250)
    smtp.say(f"RCPT TO:<{own}>").wants(250)
    smtp.content(bench.message(sender, own, mark)).wants(250)
    if bench.find(bench.reader_of(bench.subject.accounts[0]), mark) is None:
        raise NotMet(
            "message d'un opérateur listé non remis", "a listed operator's mail never came"
        )


@check("relay-null-sender", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = _entered(bench, door)
    smtp.say("MAIL FROM:<>").wants(250)
    smtp.say(f"RCPT TO:<{_own(bench)}>").wants(250)


@check("relay-postmaster", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = _entered(bench, door)
    smtp.say(f"MAIL FROM:<{_sender(bench)}>").reached(250)
    smtp.say(f"RCPT TO:<postmaster@{bench.subject.domain}>").wants(250)


@check("relay-open", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    _neighbour(bench)
    for written in ELSEWHERE:
        smtp = _entered(bench, door)
        smtp.say(f"MAIL FROM:<{_sender(bench)}>").reached(250)
        recipient = written.format(domain=bench.subject.domain)
        if smtp.say(f"RCPT TO:<{recipient}>").good:
            raise refuse(recipient, "relais ouvert", "open relay")


@check("relay-recipient-unknown", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    """Refused at once: the sender's operator tells its user, and no notification goes astray."""
    smtp = _entered(bench, door)
    smtp.say(f"MAIL FROM:<{_sender(bench)}>").reached(250)
    reply = smtp.say(f"RCPT TO:<{NOWHERE}@{bench.subject.domain}>")
    if reply.good:
        raise refuse(reply, "BAL inexistante acceptée", "a mailbox that is not there is taken")


@check("relay-sender-domain", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    pair = _neighbour(bench)[1]
    for sender in (f"x@{bench.subject.domain}", "x@example.org"):
        heard = _takes(bench, door, pair, sender, _own(bench))
        if heard:
            raise refuse(sender, "émetteur hors des domaines du certificat",
                         "a sender outside of the certificate's domains")  # fmt: skip


@check("relay-certificate-missing", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    heard = _takes(bench, door, None, _sender(bench), _own(bench))
    if heard:
        raise refuse(heard, "message pris sans certificat", "a message is taken without one")


def _bad(fault: str) -> Callable[[Bench, CheckedDoor], None]:
    def run(bench: Bench, door: CheckedDoor) -> None:
        pair = bench.subject.bad.get(f"relay-{fault}")
        if pair is None:
            raise Unsure(f"aucun certificat d'essai ({fault})", f"no test certificate ({fault})")
        heard = _takes(bench, door, pair, _sender(bench), _own(bench))
        if heard:
            raise refuse(heard, "message pris avec ce certificat",
                         "a message is taken with this certificate")  # fmt: skip

    return run


for _name in ("expired", "revoked", "untrusted", "unlisted"):
    check(f"relay-certificate-{_name}", relays)(_bad(_name))


def _records(bench: Bench, name: str, kind: str) -> list[str]:
    if bench.subject.dns is None:
        raise Unsure("aucun DNS donné", "no DNS was given")
    try:
        return bench.lab.lookup(name, kind)
    except UnreachableError as error:
        raise Unsure(f"le DNS ne répond pas ({error})", f"no DNS answer ({error})") from None


@check("dns-mx", relays)
def _(bench: Bench, door: CheckedDoor) -> None:
    found = _records(bench, bench.subject.domain, "MX")
    hosts = [each.split()[-1].rstrip(".").lower() for each in found]
    if door.host.lower() not in hosts:
        raise NotMet(f"MX {', '.join(hosts) or '-'}, attendu {door.host}",
                   f"MX {', '.join(hosts) or '-'}, expected {door.host}")  # fmt: skip


@check("dns-srv", once)
def _(bench: Bench, _door: CheckedDoor) -> None:
    """Every service that has a door has a record that leads to one."""
    doors = {(each.host.lower(), each.port) for each in bench.subject.doors}
    labels = {
        ("imap", "implicit"): "_imaps",
        ("imap", "starttls"): "_imap",
        ("smtp", "implicit"): "_submissions",
        ("smtp", "starttls"): "_submission",
    }
    wanted = {labels[each.protocol, each.tls] for each in bench.subject.doors}
    found: dict[str, list[str]] = {
        label: _records(bench, f"{label}._tcp.{bench.subject.domain}", "SRV") for label in wanted
    }
    for protocol in sorted({label.rstrip("s") for label in wanted}):
        rows = [row for label, rows in found.items() if label.rstrip("s") == protocol
                for row in rows]  # fmt: skip
        places = {(row.split()[3].rstrip(".").lower(), int(row.split()[2])) for row in rows}
        if not places & doors:
            raise NotMet(f"aucun SRV {protocol} vers un point d'accès",
                       f"no SRV {protocol} leads to an endpoint")  # fmt: skip
