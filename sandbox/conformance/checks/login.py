"""Logins: each method where it is served, and everything that must not open a mailbox."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable

import pyotp

from sandbox.conformance.bench import Bench
from sandbox.conformance.checks.register import check, clients, each_protocol, refuse, serving
from sandbox.conformance.connection import CutError, TlsRefusedError, UnreachableError
from sandbox.conformance.findings import NotHere, NotMet, Unsure
from sandbox.conformance.imap import ImapAnswer
from sandbox.conformance.smtp import SmtpReply
from sandbox.conformance.subject import (
    CERTIFICATE_METHODS,
    RINGS,
    CheckedDoor,
    CheckedMailbox,
    Means,
    Pair,
)

__all__: list[str] = []

WRONG = "Faux-mot-de-passe-1"
Heard = tuple[bool, str]  # whether it let in, and what it said


def _who(bench: Bench, method: str) -> tuple[CheckedMailbox, Means]:
    found = bench.subject.with_method(method)
    if not found:
        raise Unsure(f"aucun compte pour {method}", f"no account for {method}")
    return found[0]


def _opens(
    bench: Bench, door: CheckedDoor, mechanism: str, response: bytes, pair: Pair | None
) -> Heard:
    """Tell whether a proof lets in, and what was said; a refused handshake lets nobody in."""
    try:
        if door.protocol == "imap":
            imap = bench.imap(door, pair, bare=True)
            if imap.greeting.upper().startswith(b"* PREAUTH"):
                return True, "PREAUTH"
            answer = imap.auth("EXTERNAL" if mechanism == "NONE" else mechanism, response)
            return answer.kind == "OK", str(answer)
        smtp = bench.smtp(door, pair, bare=True)
        if mechanism != "NONE":
            reply = smtp.auth(mechanism, response)
            return reply.code == 235, str(reply)
        reply = smtp.say(f"MAIL FROM:<{response.decode()}>")
        if reply.good:
            reply = smtp.say(f"RCPT TO:<{response.decode()}>")
    except (CutError, TlsRefusedError) as error:
        return False, type(error).__name__
    except Unsure as refused:
        return False, str(refused)  # at EHLO, for want of a certificate
    return reply.good, str(reply)


def _method(method: str) -> Callable[[Bench, CheckedDoor], None]:
    def run(bench: Bench, door: CheckedDoor) -> None:
        account, way = _who(bench, method)
        mechanism, response, pair = bench.way_in(door, way)
        good, heard = _opens(bench, door, mechanism, response, pair)
        if not good:
            raise NotMet(f"{account.address} refusé : « {heard} »",
                       f'{account.address} refused: "{heard}"')  # fmt: skip

    return run


for _name in ("cps", "certificat", *RINGS):
    check(f"login-{_name}", serving(_name))(_method(_name))


def _coded(bench: Bench, door: CheckedDoor, way: Means, code: str) -> Heard:
    return _opens(bench, door, door.typed, bench.plain(way.username, way.password + code), None)


def _fresh(bench: Bench) -> tuple[Means, str]:
    """Return a code that was never shown, and whose."""
    _who(bench, "totp")
    return bench.code(*(way for _, way in bench.subject.with_method("totp")))


@check("login-totp", serving("totp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    way, code = _fresh(bench)
    good, heard = _coded(bench, door, way, code)
    if not good:
        raise NotMet(f"bon code refusé : « {heard} »", f'a good code refused: "{heard}"')


@check("login-token", serving("ecps"))
def _(bench: Bench, door: CheckedDoor) -> None:
    """The référentiel's own way: the token of Pro Santé Connect by XOAUTH2."""
    if "XOAUTH2" not in door.mechanisms:
        raise NotHere("XOAUTH2 n'y est pas prévu", "XOAUTH2 is not meant to be there")
    _, way = _who(bench, "ecps")
    response = bench.bearer(way.username, _token(bench, way))
    good, heard = _opens(bench, door, "XOAUTH2", response, None)
    if not good:
        raise NotMet(f"jeton valable refusé : « {heard} »", f'a good token refused: "{heard}"')


def _token(bench: Bench, way: Means) -> str:
    try:
        return bench.lab.token(way)
    except UnreachableError as error:
        raise Unsure(f"pas de jeton ({error})", f"no token ({error})") from None


@check("mechanisms-offered", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    wanted = {each for each in door.mechanisms if each != "NONE"}
    if door.protocol == "imap" and "LOGIN" in wanted:  # a command; who takes passwords has PLAIN
        wanted = wanted - {"LOGIN"} | {"PLAIN"}
    pair = None
    if "EXTERNAL" in wanted or door.client_certificate == "required":
        found = [way for name in CERTIFICATE_METHODS for _, way in bench.subject.with_method(name)
                 if name in door.methods]  # fmt: skip
        pair = found[0].pair if found else None
        if pair is None:
            raise Unsure("aucun certificat à présenter", "no certificate to show")
    if door.protocol == "imap":
        imap = bench.imap(door, pair)
        if imap.greeting.upper().startswith(b"* PREAUTH"):
            raise NotHere("le certificat suffit", "the certificate is enough")
        offered = {each[5:] for each in imap.capabilities() if each.startswith("AUTH=")}
    else:
        offered = set(bench.smtp(door, pair).offers.get("AUTH", []))
    if wanted - offered:
        missing = ", ".join(sorted(wanted - offered))
        raise NotMet(f"non annoncé : {missing}", f"not offered: {missing}")


def _password_way(bench: Bench, door: CheckedDoor) -> tuple[CheckedMailbox, Means]:
    """Return a holder who types a password there."""
    if not door.typed:
        raise NotHere("aucun mot de passe n'y est prévu", "no password is meant to be there")
    for method in ("password", "totp", *RINGS):
        found = bench.subject.with_method(method)
        if method in door.methods and found:
            return found[-1]
    raise NotHere("aucun compte à mot de passe", "no account with a password")


@check("password-wrong-refused", each_protocol(clients))
def _(bench: Bench, door: CheckedDoor) -> None:
    _, way = _password_way(bench, door)
    good, heard = _opens(bench, door, door.typed, bench.plain(way.username, WRONG), None)
    if good:
        raise refuse(heard, "mauvais mot de passe accepté", "a wrong password opens")


@check("password-refusal-code", each_protocol(clients))
def _(bench: Bench, door: CheckedDoor) -> None:
    _password_way(bench, door)
    response = bench.plain(f"personne-controle@{bench.subject.domain}", WRONG)
    if door.protocol == "imap":
        answer = bench.imap(door).auth(door.typed, response)
        if answer.kind != "NO":
            raise refuse(answer, "attendu NO", "expected NO")
        return
    bench.smtp(door).auth(door.typed, response).wants(535)


@check("login-no-enumeration", each_protocol(clients))
def _(bench: Bench, door: CheckedDoor) -> None:
    """Who has proved nothing learns nothing of which mailboxes there are."""
    _, way = _password_way(bench, door)
    names = (way.username, f"personne-controle@{bench.subject.domain}")
    heard = {_opens(bench, door, door.typed, bench.plain(name, WRONG), None) for name in names}
    if any(good for good, _ in heard):
        raise Unsure("voir password-wrong-refused", "see password-wrong-refused")
    if any(re.match(r"4\d\d |NO \[UNAVAILABLE\]", each) for _, each in heard):
        raise Unsure("panne passagère de l'authentification", "logins fail for the moment")
    said = {_plain(each, names) for _, each in heard}
    if len(said) > 1:
        raise refuse(" | ".join(sorted(said)), "compte connu et inconnu se distinguent",
                     "a known and an unknown account differ")  # fmt: skip


def _plain(text: str, names: tuple[str, ...]) -> str:
    """Return an answer without what it repeats of the question."""
    for name in names:
        text = text.replace(name, "NAME")
    return text


@check("login-other-mailbox", serving(*CERTIFICATE_METHODS))
def _(bench: Bench, door: CheckedDoor) -> None:
    if "EXTERNAL" not in door.mechanisms:
        raise NotHere("EXTERNAL n'y est pas prévu", "EXTERNAL is not meant to be there")
    method = next(each for each in CERTIFICATE_METHODS if each in door.methods)
    account, way = _who(bench, method)
    others = [each.address for each in bench.subject.accounts if each.address != account.address
              and not any(one.pair == way.pair for one in each.ways)]  # fmt: skip
    if not others:
        raise Unsure("il faut deux comptes", "two accounts are needed")
    good, heard = _opens(bench, door, "EXTERNAL", others[0].encode(), way.pair)
    if good:
        raise refuse(heard, f"certificat d'un autre : {others[0]} s'ouvre",
                     f"another's certificate opens {others[0]}")  # fmt: skip


# Client certificates.


@check("certificate-missing-refused", serving(*CERTIFICATE_METHODS))
def _(bench: Bench, door: CheckedDoor) -> None:
    address = bench.subject.accounts[0].address.encode()
    for mechanism in {"EXTERNAL", "NONE"} & set(door.mechanisms):
        good, heard = _opens(bench, door, mechanism, address, None)
        if good:
            raise refuse(heard, "ouvert sans certificat", "opened without a certificate")


def _bad(fault: str) -> Callable[[Bench, CheckedDoor], None]:
    def run(bench: Bench, door: CheckedDoor) -> None:
        _, way = _who(bench, next(m for m in CERTIFICATE_METHODS if m in door.methods))
        pair = bench.subject.bad.get(f"{way.method}-{fault}")
        if pair is None:
            raise Unsure(f"aucun certificat d'essai ({fault})", f"no test certificate ({fault})")
        mechanism = "EXTERNAL" if "EXTERNAL" in door.mechanisms else "NONE"
        good, heard = _opens(bench, door, mechanism, way.username.encode(), pair)
        if good:
            raise refuse(heard, "ce certificat ouvre la BAL", "this certificate opens the mailbox")

    return run


for _name in ("expired", "revoked", "untrusted"):
    check(f"certificate-{_name}-refused", serving(*CERTIFICATE_METHODS))(_bad(_name))


# One-time codes.


@check("totp-wrong-refused", each_protocol(serving("totp")))
def _(bench: Bench, door: CheckedDoor) -> None:
    _, way = _who(bench, "totp")
    now = int(bench.lab.now())
    totp = pyotp.TOTP(way.secret, digits=way.digits, interval=way.period)
    near = {totp.at(now + step * way.period) for step in range(-12, 13)}
    wrong = next(code for number in range(100) if (code := f"{number:06d}") not in near)
    good, heard = _coded(bench, door, way, wrong)
    if good:
        raise refuse(heard, "mauvais code accepté", "a wrong code opens")


# Where a password alone may ring a telephone, it is no code that is missing.
@check("totp-missing-refused", each_protocol(serving("totp", without=RINGS)))
def _(bench: Bench, door: CheckedDoor) -> None:
    _, way = _who(bench, "totp")
    good, heard = _coded(bench, door, way, "")
    if good:
        raise refuse(heard, "mot de passe seul accepté", "a password alone opens")


@check("totp-old-refused", each_protocol(serving("totp")))
def _(bench: Bench, door: CheckedDoor) -> None:
    _, way = _who(bench, "totp")
    totp = pyotp.TOTP(way.secret, digits=way.digits, interval=way.period)
    good, heard = _coded(bench, door, way, totp.at(int(bench.lab.now()) - 10 * way.period))
    if good:
        raise refuse(heard, "code vieux de 10 pas accepté", "a code ten steps old opens")


@check("totp-once", each_protocol(serving("totp")))
def _(bench: Bench, door: CheckedDoor) -> None:
    way, code = _fresh(bench)
    good, heard = _coded(bench, door, way, code)
    if not good:
        raise Unsure(f"premier usage refusé : « {heard} »", f'refused at first: "{heard}"')
    good, heard = _coded(bench, door, way, code)
    if good:
        raise refuse(heard, "le même code accepté deux fois", "the same code taken twice")


# Tokens.


@check("token-bad-refused", serving("ecps"))
def _(bench: Bench, door: CheckedDoor) -> None:
    if "XOAUTH2" not in door.mechanisms:
        raise NotHere("XOAUTH2 n'y est pas prévu", "XOAUTH2 is not meant to be there")
    _, way = _who(bench, "ecps")
    response = bench.bearer(way.username, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")
    good, heard = _opens(bench, door, "XOAUTH2", response, None)
    if good:
        raise refuse(heard, "jeton sans signature accepté", "an unsigned token opens")


def _waits(answer: ImapAnswer) -> None:
    if answer.kind != "+":
        raise Unsure(f"question non atteinte : « {answer} »", f'question not reached: "{answer}"')


@check("token-challenge", serving("ecps"))
def _(bench: Bench, door: CheckedDoor) -> None:
    if "XOAUTH2" not in door.mechanisms:
        raise NotHere("XOAUTH2 n'y est pas prévu", "XOAUTH2 is not meant to be there")
    _, way = _who(bench, "ecps")
    response = bench.bearer(way.username, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.")
    coded = base64.b64encode(response).decode()
    bench.transcript.hide([coded])
    if door.protocol == "imap":
        imap = bench.imap(door)
        _waits(imap.say("AUTHENTICATE XOAUTH2"))
        answer = imap.more(coded.encode(), "***")
        challenge = answer.text if answer.kind == "+" else ""
        told, let_in = answer.kind == "+", answer.kind == "OK"
        refused = not told or imap.more(b"", "(empty)").kind == "NO"
    else:
        smtp = bench.smtp(door)
        reply: SmtpReply = smtp.say(f"AUTH XOAUTH2 {coded}", "AUTH XOAUTH2 ***")
        challenge = reply.lines[-1] if reply.code == 334 else ""
        told, let_in = reply.code == 334, reply.code == 235
        refused = not told or smtp.say("", "(empty)").code == 535
    if let_in:
        raise Unsure("voir token-bad-refused", "see token-bad-refused")
    if not told:
        raise NotMet("refus sans défi JSON", "refused without a JSON challenge")
    try:
        status = json.loads(base64.b64decode(challenge))["status"]
    except (ValueError, KeyError, TypeError):
        raise NotMet("défi illisible", "unreadable challenge") from None
    if not refused:
        raise NotMet(f"après le défi (status {status}), pas de refus",
                   f"no refusal after the challenge (status {status})")  # fmt: skip


@check("token-other-mailbox", serving("ecps"))
def _(bench: Bench, door: CheckedDoor) -> None:
    if "XOAUTH2" not in door.mechanisms:
        raise NotHere("XOAUTH2 n'y est pas prévu", "XOAUTH2 is not meant to be there")
    found = bench.subject.with_method("ecps")
    others = [each for each, _ in found[1:] if each.address != found[0][0].address]
    if not others:
        raise Unsure("il faut deux comptes", "two accounts are needed")
    token = _token(bench, found[0][1])
    good, heard = _opens(bench, door, "XOAUTH2", bench.bearer(others[0].address, token), None)
    if good:
        raise refuse(heard, "le jeton d'un autre ouvre la BAL", "another's token opens the mailbox")
