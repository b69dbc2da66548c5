"""How software logs in, waits, is refused, and comes again."""

from __future__ import annotations

import re

from sandbox.conformance.client.look import Look, check
from sandbox.conformance.client.record import PlayedAction
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.findings import NotMet, Unsure
from sandbox.conformance.subject import RINGS
from sandbox.operators.auth.limits import AttemptPolicy

__all__: list[str] = []

# As many failures as an operator of ours allows a client with one name: one more locks it out.
MOST = AttemptPolicy().per_name
_SRV = re.compile(r"_(imaps?|submissions?)\._tcp\.")


def _last(look: Look, played: PlayedAction) -> None:
    look.says(played)
    for visit in played.visits[-1:]:
        look.shows(visit)


@check("client-receives", "receive")
def _(look: Look) -> None:
    mark = look.record.given["read"]["mark"].encode()
    for played in look.step("receive"):
        for visit in played.visits:
            if mark in visit.dialogue.heard and visit.dialogue.said("FETCH"):
                return
        _last(look, played)
    raise NotMet("n'a pas lu le message qui l'attend", "did not read the message that waits for it")


@check("client-sends", "send")
def _(look: Look) -> None:
    played = look.step("send")[0]
    if not any(sent.taken for _, sent in played.messages):
        _last(look, played)
        raise NotMet("n'a pas envoyé de message qui fût pris", "sent no message that was taken")


@check("client-ehlo", "send")
def _(look: Look) -> None:
    name, address = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", r"\[(IPv6:)?[0-9A-Fa-f:.]+\]"
    good = re.compile(f"{name}|{address}")
    for played in look.step("send"):
        for visit in played.visits:
            if visit.wire.protocol != "smtp" or not visit.dialogue.commands:
                continue
            hellos = visit.dialogue.said("EHLO")
            bad = [each for each in hellos if not good.fullmatch(each.words)]
            if not hellos or bad:
                look.shows(visit, begin=True)
                raise NotMet(
                    "ne se présente pas par EHLO et un nom ou une adresse entre crochets",
                    "does not introduce itself by EHLO with a name or an address in brackets",
                )


@check("client-quit", "send")
def _(look: Look) -> None:
    for played in look.step("send"):
        for visit, sent in played.messages:
            if sent.taken and not visit.dialogue.said("QUIT"):
                look.shows(visit)
                raise NotMet(
                    "raccroche sans QUIT après l'envoi", "hangs up without QUIT after sending"
                )


@check("login-token", "receive", "send", profiles=(SoftwareProfile.LPS,), methods=("ecps",))
def _(look: Look) -> None:
    for step in ("receive", "send"):
        for played in look.step(step):
            for visit, login in played.logins:
                if login.good and login.mechanism != "XOAUTH2":
                    look.shows(visit)
                    raise NotMet(
                        f"se connecte par {login.mechanism} ; montrer le jeton de Pro Santé Connect"
                        " par XOAUTH2",
                        f"logs in by {login.mechanism}; show the token of Pro Santé Connect by"
                        " XOAUTH2",
                    )
            if not any(login.good for _, login in played.logins):
                _last(look, played)
                raise Unsure("aucune connexion réussie", "no login succeeded")


@check("client-code-once", "receive", methods=("totp",))
def _(look: Look) -> None:
    shown: dict[str, str] = {}
    for id_, played in look.record.all():
        step = look.record.steps[id_]
        if step.server or step.old or step.strips:
            continue  # the code that it was given there is an earlier one
        for visit, login in played.logins:
            if not login.answer:
                continue
            if login.digest in shown and not step.wrong:
                look.shows(visit)
                raise NotMet(
                    "montre deux fois le même code ; garder la session, ou demander un code",
                    "shows the same code twice; keep the session, or ask for a code",
                )
            shown[login.digest] = id_
    if not shown:
        raise Unsure("aucun code n'a été montré", "no code was shown")


def _gives_up(look: Look, step: str) -> None:
    """Fail where a refused login is tried over and over."""
    for played in look.step(step):
        refused = [each for each in played.logins if each[1].answer and not each[1].good]
        if len(refused) > MOST:
            look.shows(refused[-1][0], f"{len(refused)} ×")
            raise NotMet(
                f"refusé, essaie {len(refused)} fois : plus de {MOST} ferment l'accès ; s'arrêter"
                " et le dire",
                f"refused, it tries {len(refused)} times: more than {MOST} lock it out; stop and"
                " say so",
            )
        if not refused:
            _last(look, played)
            raise Unsure("rien n'a été refusé", "nothing was refused")


@check("client-refused-secret", "wrong-secret")
def _(look: Look) -> None:
    _gives_up(look, "wrong-secret")


@check("client-phone-refused", "phone-refuses")
def _(look: Look) -> None:
    _gives_up(look, "phone-refuses")


@check("client-outage", "psc-down")
def _(look: Look) -> None:
    _gives_up(look, "psc-down")


@check("client-waits", "phone-waits")
def _(look: Look) -> None:
    for played in look.step("phone-waits"):
        if not any(login.good for _, login in played.logins):
            _last(look, played)
            raise NotMet(
                "n'attend pas que la personne réponde à son téléphone ; allonger l'attente",
                "does not wait until the person answers the telephone; lengthen its time-out",
            )


@check("client-refusal-told", "elsewhere", "wrong-secret")
def _(look: Look) -> None:
    said = 0
    for step in ("elsewhere", "wrong-secret"):
        if step not in look.record.played:
            continue
        for played in look.step(step):
            if played.done.worked and not any(sent.taken for _, sent in played.messages):
                _last(look, played)
                raise NotMet(
                    f"étape « {step} » : annonce un succès alors que le serveur a refusé",
                    f'step "{step}": says that it worked where the server refused',
                )
            said += played.done.worked is not None
    if not said:
        raise Unsure("on ne sait ce que le logiciel a dit", "what the software said is not known")


@check("client-reopens", "cut", methods=RINGS)
def _(look: Look) -> None:
    (played,) = look.step("cut")
    cut = [number for number, visit in enumerate(played.visits) if visit.wire.cut]
    if not cut:
        _last(look, played)
        raise Unsure("aucune boîte n'a été ouverte", "no mailbox was opened")
    later = played.visits[cut[0] + 1 :]
    if not any(login.good for visit in later for login in visit.dialogue.logins):
        _last(look, played)
        raise NotMet("ne se reconnecte pas après une coupure", "does not connect again after a cut")


@check("client-discovery", "discover")
def _(look: Look) -> None:
    for played in look.actions("discover"):
        asked = [name for name, kind in played.queries if kind == "SRV" and _SRV.match(name)]
        for name, kind in played.queries:
            look.transcript.note("#", f"DNS {kind} {name}")
        if not played.queries:
            raise Unsure(
                "aucune question n'est venue au DNS donné : le logiciel en a peut-être un autre",
                "no question came to the DNS given: the software may have another",
            )
        if not asked:
            raise NotMet(
                "ne demande aucun SRV (_imaps._tcp, _submissions._tcp) ; les lire avant tout",
                "asks for no SRV (_imaps._tcp, _submissions._tcp); read them first",
            )
        if not any(login.good for _, login in played.logins) and not played.visits:
            _last(look, played)
            raise NotMet(
                "demande les SRV et ne les suit pas", "asks for SRV and does not follow them"
            )
