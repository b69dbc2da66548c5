"""Whom software trusts, and with what: versions, suites, names, certificates, STARTTLS."""

from __future__ import annotations

from sandbox.conformance.client.look import Look, check
from sandbox.conformance.client.record import PlayedAction, RecordedConnection
from sandbox.conformance.findings import NotHere, NotMet, Unsure

__all__: list[str] = []

# What may be said to a server that is not trusted: nothing that says who one is.
_HARMLESS = {"EHLO", "HELO", "CAPABILITY", "STARTTLS", "ID", "NOOP", "QUIT", "LOGOUT"}
# ECDHE with AEAD in TLS 1.2 (RFC 5289, RFC 7905), and all of TLS 1.3 (RFC 8446 §B.4).
_STRONG = {0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0x1301, 0x1302, 0x1303}
# No encryption, nobody authenticated, RC4, DES and export, 3DES: RFC 9325 §4.1, ANSSI.
_WEAK = {
    "NULL": (0x0000, 0x0001, 0x0002, 0x002C, 0x002D, 0x002E, 0x003B, 0xC001, 0xC006, 0xC00B,
             0xC010, 0xC015),
    "anon": (0x0017, 0x0018, 0x0019, 0x001A, 0x001B, 0x0034, 0x003A, 0x0046, 0x006C, 0x006D,
             0x0089, 0x009B, 0x00A6, 0x00A7, 0xC016, 0xC017, 0xC018, 0xC019),
    "RC4": (0x0004, 0x0005, 0xC002, 0xC007, 0xC00C, 0xC011),
    "DES": (0x0003, 0x0006, 0x0008, 0x0009, 0x000B, 0x000C, 0x000E, 0x000F, 0x0011, 0x0012,
            0x0014, 0x0015),
    "3DES": (0x000A, 0x000D, 0x0010, 0x0013, 0x0016, 0xC003, 0xC008, 0xC00D, 0xC012),
}  # fmt: skip


def _hellos(look: Look) -> list[RecordedConnection]:
    found = [visit for _, visit in look.visits() if visit.wire.hello is not None]
    if not found:
        raise Unsure("le logiciel n'a pas ouvert TLS", "the software did not open TLS")
    return found


def _against(look: Look, step: str) -> list[PlayedAction]:
    """Return the actions of a step with a bad server that work with a good one.

    Raises:
        Unsure: none does: who never connects refuses nothing.
    """
    good = {
        each.action
        for base in ("receive", "send")
        for each in look.record.played.get(base, ())
        if any(visit.wire.tls for visit in each.visits)
    }
    found = [each for each in look.step(step) if each.action in good]
    if not found:
        raise Unsure(
            "ne se connecte pas non plus à un bon serveur : rien n'est refusé",
            "does not connect to a good server either: nothing is refused",
        )
    return found


@check("tls-old-versions", "old-tls", "send")
def _(look: Look) -> None:
    for each in _against(look, "old-tls"):
        for visit in each.visits:
            if visit.wire.tls:
                look.shows(visit)
                raise NotMet(
                    f"accepte {visit.wire.tls.split()[0]} ; régler la version minimale à TLS 1.2",
                    f"takes {visit.wire.tls.split()[0]}; set the least version to TLS 1.2",
                )


@check("tls-strong-suites", "receive", "send")
def _(look: Look) -> None:
    for visit in _hellos(look):
        assert visit.wire.hello is not None
        if not _STRONG & set(visit.wire.hello.suites):
            look.shows(visit, "suites: " + " ".join(f"{n:04x}" for n in visit.wire.hello.suites))
            raise NotMet(
                "n'offre aucune suite ECDHE avec AEAD ; en ajouter",
                "offers no ECDHE suite with AEAD; add some",
            )


@check("client-suites", "receive", "send")
def _(look: Look) -> None:
    for visit in _hellos(look):
        assert visit.wire.hello is not None
        for name, numbers in _WEAK.items():
            weak = sorted(set(numbers) & set(visit.wire.hello.suites))
            if weak:
                told = " ".join(f"{each:04x}" for each in weak)
                look.shows(visit, f"{name}: {told}")
                raise NotMet(
                    f"offre des suites {name} ({told}) ; les retirer",
                    f"offers {name} suites ({told}); take them out",
                )


@check("client-sni", "receive", "send")
def _(look: Look) -> None:
    for _, played in look.record.all():
        for visit in played.visits:
            hello, place = visit.wire.hello, played.needs.get(visit.wire.protocol)
            if hello is not None and place is not None and hello.name.lower() != place["host"]:
                said = hello.name or "–"
                look.shows(visit, f"SNI: {said}", begin=True)
                raise NotMet(
                    f"ne dit pas le nom du serveur à l'ouverture de TLS : {said}, pour"
                    f" {place['host']}",
                    f"does not say the server's name when TLS opens: {said}, for {place['host']}",
                )
    _hellos(look)


@check("client-no-clear", "receive", "send", "strips")
def _(look: Look) -> None:
    logins = 0
    for _, visit in look.visits():
        for login in visit.dialogue.logins:
            logins += 1
            if not login.secure:
                look.shows(visit)
                raise NotMet(
                    "donne son secret en clair ; exiger TLS, jamais « si disponible »",
                    'gives its secret in clear; require TLS, never "if available"',
                )
    if not (logins or any(visit.wire.certificate for _, visit in look.visits())):
        raise Unsure("le logiciel ne s'est jamais authentifié", "the software never logged in")


@check("client-starttls-forgets", "send")
def _(look: Look) -> None:
    if not look.record.starttls:
        raise NotHere("TLS implicite", "implicit TLS")
    for played in look.step("send"):
        for visit in played.visits:
            secure = [each for each in visit.dialogue.commands if each.secure]
            if visit.wire.protocol == "smtp" and secure and secure[0].verb != "EHLO":
                look.shows(visit)
                raise NotMet(
                    "ne redit pas EHLO après STARTTLS : il croit ce qui fut dit en clair",
                    "does not say EHLO again after STARTTLS: it believes what was said in clear",
                )


def _logs_in(played: PlayedAction) -> bool:
    return any(login.good for _, login in played.logins)


@check("client-certificate-request", "asks-certificate", "receive", "send")
def _(look: Look) -> None:
    usual = {
        each.action
        for base in ("receive", "send")
        for each in look.record.played.get(base, ())
        if _logs_in(each)
    }
    failed = [each for each in look.step("asks-certificate") if not _logs_in(each)]
    # Who does not log in where nothing is asked for does not fail for what is asked.
    for played in sorted(failed, key=lambda each: each.action not in usual):
        look.says(played)
        look.shows(played.visits[-1])
        if played.action in usual:
            raise NotMet(
                "échoue quand le serveur demande un certificat sans l'exiger ; n'en envoyer aucun",
                "fails where the server asks for a certificate and requires none; send none",
            )
        raise Unsure(
            "ne s'authentifie pas non plus quand aucun certificat n'est demandé",
            "does not log in where no certificate is asked for either",
        )


def _refuses(look: Look, step: str, french: str, english: str) -> None:
    for played in _against(look, step):
        for visit in played.visits:
            told = [each for each in visit.dialogue.commands if each.verb not in _HARMLESS]
            if visit.wire.tls and (told or visit.dialogue.logins):
                look.shows(visit, begin=True)
                raise NotMet(french, english)


@check("client-server-validity", "expired", "send")
def _(look: Look) -> None:
    _refuses(look, "expired", "se connecte à un serveur au certificat expiré ; contrôler les dates",
             "logs in to a server whose certificate has expired; check the dates")  # fmt: skip


@check("client-server-name", "other-name", "send")
def _(look: Look) -> None:
    _refuses(look, "other-name",
             "se connecte à un serveur au certificat d'un autre nom ; comparer avec le nom demandé",
             "logs in to a server with a certificate of another name; compare it with the name"
             " asked for")  # fmt: skip


@check("client-untrusted", "untrusted", "send")
def _(look: Look) -> None:
    _refuses(look, "untrusted",
             "se connecte à un serveur d'une autre IGC ; n'avoir que les racines IGC-Santé",
             "logs in to a server of another PKI; have the roots of IGC-Santé alone")  # fmt: skip


@check("client-authority", "other-authority", "send")
def _(look: Look) -> None:
    _refuses(look, "other-authority",
             "accepte un serveur signé par une autre autorité que Élémentaire Organisations ;"
             " n'avoir confiance qu'en elle",
             "takes a server signed by another authority than Élémentaire Organisations; trust that"
             " one alone")  # fmt: skip


@check("client-server-revoked", "revoked", "send")
def _(look: Look) -> None:
    _refuses(look, "revoked",
             "se connecte à un serveur au certificat révoqué ; lire la CRL ou demander à OCSP",
             "logs in to a server whose certificate was revoked; read the CRL or ask OCSP",
             )  # fmt: skip
