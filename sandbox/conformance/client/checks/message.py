"""What software sends: its form on the wire, its fields, its text, what it asks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from pathlib import Path

from sandbox.conformance.client.dialogue import Sent
from sandbox.conformance.client.letters import TEXT
from sandbox.conformance.client.look import Look, check
from sandbox.conformance.client.record import RecordedConnection
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.findings import NotMet, Unsure

__all__ = ["parsed"]

LONGEST = 998  # octets of a line without CRLF: RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1
_EDITED = (
    SoftwareProfile.LPS,
    SoftwareProfile.ROBOT,
    SoftwareProfile.WEBMAIL,
)  # products that an editor refers
_WRITTEN = (SoftwareProfile.LPS, SoftwareProfile.MAIL_CLIENT, SoftwareProfile.WEBMAIL)


def parsed(sent: Sent) -> EmailMessage:
    """Return a message read; what cannot be read of it is left out, never raised."""
    message = BytesParser(policy=policy.default).parsebytes(sent.content)
    assert isinstance(message, EmailMessage)
    return message


def fields(sent: Sent) -> EmailMessage:
    """Return its header read, and nothing of what follows."""
    message = BytesParser(policy=policy.default).parsebytes(head_of(sent) + b"\r\n\r\n")
    assert isinstance(message, EmailMessage)
    return message


def head_of(sent: Sent) -> bytes:
    """Return its header."""
    return sent.content.partition(b"\r\n\r\n")[0]


def _field(look: Look, sent: Sent, name: str) -> str:
    """Return a field, decoded, and show it; empty where it is not there."""
    values = fields(sent).get_all(name, [])
    for each in values:
        look.transcript.note("#", f"{name}: {each}")
    if not values:
        look.transcript.note("#", f"{name}: (–)")
    return str(values[0]) if values else ""


def _all(look: Look) -> Iterator[tuple[str, RecordedConnection, Sent]]:
    """Yield every message of the session, that of `send` among them."""
    look.sent("send")
    for id_, played in look.record.all():
        for visit, sent in played.messages:
            yield id_, visit, sent


@check("client-crlf", "send", "notify")
def _(look: Look) -> None:
    for id_, visit, sent in _all(look):
        bare = len(re.findall(rb"(?<!\r)\n|\r(?!\n)", sent.content))
        if bare or visit.dialogue.broken:
            look.shows(visit)
            raise NotMet(
                f"étape « {id_} » : lignes qui ne finissent pas par CRLF",
                f'step "{id_}": lines that do not end with CRLF',
            )


@check("client-lines", "send", "notify")
def _(look: Look) -> None:
    for id_, _, sent in _all(look):
        longest = max(map(len, sent.content.split(b"\r\n")))
        if longest > LONGEST:
            raise NotMet(
                f"étape « {id_} » : une ligne de {longest} octets, {LONGEST} au plus ; coder en"
                " quoted-printable ou base64",
                f'step "{id_}": a line of {longest} octets, at most {LONGEST}; encode as'
                " quoted-printable or base64",
            )


@check("client-eight-bit", "send")
def _(look: Look) -> None:
    for id_, visit, sent in _all(look):
        raw = not head_of(sent).isascii()
        if raw and "SMTPUTF8" not in sent.parameters:
            look.shows(visit)
            raise NotMet(
                f"étape « {id_} » : en-tête en 8 bits ; le coder (RFC 2047)",
                f'step "{id_}": a header in 8 bits; encode it (RFC 2047)',
            )
        declared = {"BODY=8BITMIME", "BODY=BINARYMIME", "SMTPUTF8"} & set(sent.parameters)
        if not sent.content.isascii() and not declared:
            look.shows(visit)
            raise NotMet(
                f"étape « {id_} » : texte en 8 bits sans BODY=8BITMIME",
                f'step "{id_}": text in 8 bits without BODY=8BITMIME',
            )


@check("client-fields", "send")
def _(look: Look) -> None:
    for id_, _, sent in _all(look):
        message = fields(sent)
        for name in ("From", "Date"):
            count = len(message.get_all(name, []))
            if count != 1:
                look.transcript.note("#", head_of(sent)[:300])
                raise NotMet(
                    f"étape « {id_} » : {count} champ {name}, il en faut un",
                    f'step "{id_}": {count} {name} fields, one is due',
                )


@check("client-message-id", "send", "reply")
def _(look: Look) -> None:
    for id_, _, sent in _all(look):
        if not re.fullmatch(r"<[^<>\s@]+@[^<>\s@]+>", _field(look, sent, "Message-ID").strip()):
            raise NotMet(
                f"étape « {id_} » : pas de Message-ID en règle",
                f'step "{id_}": no Message-ID as it should be',
            )
    if "reply" not in look.record.played:
        return
    _, sent = look.sent("reply")
    refers = _field(look, sent, "In-Reply-To") + _field(look, sent, "References")
    read = look.record.given.get("read")
    if read is None:
        raise Unsure("rien n'a été reçu à quoi répondre", "nothing was received to answer")
    if read["id"] not in refers:
        raise NotMet(
            "la réponse ne dit pas à quoi elle répond (In-Reply-To, References)",
            "the reply does not say what it answers (In-Reply-To, References)",
        )


@check("client-text", "send")
def _(look: Look) -> None:
    _, sent = look.sent("send")
    message = parsed(sent)
    _field(look, sent, "Content-Type")
    texts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    plain = [part for part in texts if part.get_content_subtype() == "plain"]
    if not plain:
        raise NotMet(
            "aucune partie text/plain ; en joindre une (multipart/alternative)",
            "no text/plain part; add one (multipart/alternative)",
        )
    for part in texts:
        charset = (part.get_content_charset() or "us-ascii").lower()
        if charset not in ("utf-8", "us-ascii"):
            raise NotMet(f"texte en {charset} ; écrire en UTF-8", f"text in {charset}; write UTF-8")


def _lines(text: str) -> list[str]:
    """Return lines without what software may add: trailing blanks, a last empty line."""
    return [line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n")]


@check("client-accents", "send")
def _(look: Look) -> None:
    visit, sent = look.sent("send")
    wanted = look.record.played["send"][-1].needs["message"]["subject"]
    subject = " ".join(_field(look, sent, "Subject").split())
    if subject != wanted:
        raise NotMet(f"objet altéré : « {subject} »", f'subject changed: "{subject}"')
    body = parsed(sent).get_body(("plain",))
    try:
        text = "" if body is None else body.get_content()
    except (LookupError, KeyError, ValueError):
        text = ""
    if _lines(TEXT) != _lines(text)[: len(_lines(TEXT))]:
        look.shows(visit, *_lines(text)[:8])
        raise NotMet(
            "texte altéré : accents, ou lignes qui commencent par un point (RFC 5321 §4.5.2)",
            "text changed: accents, or lines that begin with a dot (RFC 5321 §4.5.2)",
        )


@check("client-display-name", "send", profiles=_WRITTEN)
def _(look: Look) -> None:
    _, sent = look.sent("send")
    name, address = parseaddr(_field(look, sent, "From"))
    if not name.strip() or name.strip().lower() == address.lower():
        raise NotMet(
            "le nom affiché est vide ; y dire qui écrit (Titre_Prénom_NOM_Entité)",
            "the display name is empty; say there who writes (Titre_Prénom_NOM_Entité)",
        )


@check("client-nil", "send", profiles=_EDITED)
def _(look: Look) -> None:
    for id_, _, sent in _all(look):
        if not _field(look, sent, "X-MSS-NIL").strip():
            raise NotMet(
                f"étape « {id_} » : pas de X-MSS-NIL ; y mettre la référence du produit",
                f'step "{id_}": no X-MSS-NIL; put the product\'s reference there',
            )


@check("client-dsn", "notify")
def _(look: Look) -> None:
    visit, sent = look.sent("notify")
    asked = [each for each in sent.parameters if each.startswith("NOTIFY=")]
    if not asked or asked == ["NOTIFY=NEVER"]:
        look.shows(visit)
        raise NotMet(
            "ne demande pas d'avis de remise (RCPT … NOTIFY=SUCCESS,FAILURE)",
            "asks for no notification of delivery (RCPT … NOTIFY=SUCCESS,FAILURE)",
        )


@check("client-patient-address", "patient")
def _(look: Look) -> None:
    visit, sent = look.sent("patient")
    wanted = look.record.played["patient"][-1].needs["message"]["to"]
    if sent.recipients != [wanted]:
        look.shows(visit)
        raise NotMet(
            f"écrit à {', '.join(sent.recipients) or '–'} au lieu de {wanted} (matricule INS)",
            f"writes to {', '.join(sent.recipients) or '–'} in place of {wanted} (INS)",
        )


@check("client-end-of-exchange", "patient")
def _(look: Look) -> None:
    _, sent = look.sent("patient")
    marked = _field(look, sent, "X-MSS-MES").strip().upper() == "FIN"
    if not marked and "[FIN]" not in _field(look, sent, "Subject").upper():
        raise NotMet(
            "ne marque pas la fin de l'échange (X-MSS-MES: FIN, ou [FIN] dans l'objet)",
            "does not mark the end of the exchange (X-MSS-MES: FIN, or [FIN] in the subject)",
        )


@check("client-big", "big")
def _(look: Look) -> None:
    visit, sent = look.sent("big")
    path = Path(look.record.played["big"][-1].needs["message"]["attachment"])
    wanted = hashlib.sha256(path.read_bytes()).digest()
    if not sent.taken:
        look.shows(visit)
        raise NotMet("le gros message est refusé", "the big message is refused")
    parts = [part.get_payload(decode=True) for part in parsed(sent).walk()]
    found = [hashlib.sha256(each).digest() for each in parts if isinstance(each, bytes)]
    if wanted not in found:
        look.shows(visit)
        raise NotMet(
            "la pièce jointe n'est pas celle donnée", "the attachment is not the one given"
        )


@check("client-temporary", "busy")
def _(look: Look) -> None:
    for played in look.step("busy"):
        put_off = [visit for visit, sent in played.messages if sent.answer.startswith("4")]
        if not put_off:
            look.says(played)
            raise Unsure("aucun message n'a été remis à plus tard", "no message was put off")
        if any(sent.taken for _, sent in played.messages) or played.done.worked is False:
            return
        look.says(played)
        look.shows(put_off[-1])
        if played.done.worked is None:
            raise Unsure(
                "on ne sait ce que le logiciel a dit", "what the software said is not known"
            )
    raise NotMet(
        "remis à plus tard (451), le message est perdu : ni nouvel essai, ni mot à la personne",
        "put off (451), the message is lost: no second attempt, no word to the person",
    )
