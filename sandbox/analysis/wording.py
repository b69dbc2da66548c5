"""French and English, side by side: every word and number that a report shows passes here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.observations.schema import Cause, Phase
from sandbox.space.compatibility import Barrier
from sandbox.space.methods import METHODS, Method

__all__ = [
    "CAUSES",
    "INCIDENTS",
    "KNOWLEDGE",
    "MEASURES",
    "METHOD_NAMES",
    "NOTHING",
    "PHASES",
    "Text",
    "count",
    "decimal",
    "difference",
    "enumerate_texts",
    "euros",
    "interval",
    "limit",
    "measure",
    "percent",
    "rounded",
    "same",
    "say",
    "seconds",
    "signed",
    "unit",
]  # fmt: skip

THIN = "\u202f"  # French thousands
HARD = "\u00a0"  # before a unit
DASH = "–"
MINUS = "\u2212"
MILLI, MINUTES = 1.0, 180.0  # below: milliseconds; from: minutes
LEAST_PERCENT = 1e-4
LEAST_SECONDS = 1e-5
FRENCH_PLURAL = 2


@dataclass(frozen=True, slots=True)
class Text:
    """The same thing in French and in English."""

    fr: str
    en: str

    def __getitem__(self, language: str) -> str:
        """Return the text in `fr` or `en`."""
        return self.fr if language == "fr" else self.en


def same(text: str) -> Text:
    """Return what reads alike in both languages: a key, a name."""
    return Text(text, text)


NOTHING = same(DASH)

INCIDENTS: dict[str, Text] = {
    "endpoint": Text("un endpoint en panne", "an endpoint down"),
    "host": Text("une machine en panne", "a host down"),
    "certificate": Text("un certificat expiré", "a certificate expired"),
    "name": Text("un nom disparu du DNS", "a name gone from the DNS"),
    "attack": Text("une adresse attaquée", "an address attacked"),
    "deployment": Text("une mise en production ratée d'une méthode",
                       "a bad deployment of one method"),
    "psc": Text("Pro Santé Connect en panne", "Pro Santé Connect down"),
    "sms": Text("les passerelles SMS en panne", "the SMS gateways down"),
    "directory": Text("l'annuaire santé en panne", "the directory down"),
}  # fmt: skip

CAUSES: dict[str, Text] = {
    cause.name.lower(): text
    for cause, text in {
        Cause.SLOTS_EXHAUSTED: Text("file d'attente pleine", "backlog full"),
        Cause.SLOT_TIMEOUT: Text("pas de connexion libre à temps", "no free slot in time"),
        Cause.CLIENT_TIMEOUT: Text("le logiciel abandonne", "the software gives up"),
        Cause.NO_ANSWER: Text("téléphone resté sans réponse", "telephone never answered"),
        Cause.REFUSED: Text("refus de la personne", "refused by the person"),
        Cause.CODE_REUSED: Text("code OTP présenté deux fois", "one-time code presented twice"),
        Cause.CODE_MISTYPED: Text("code mal saisi", "code mistyped"),
        Cause.SMS_LOST: Text("SMS perdu", "SMS lost"),
        Cause.BACKEND_DOWN: Text("PSC ne répond pas", "PSC does not answer"),
        Cause.PERSON_NEEDED: Text(
            "relève automatique sans personne pour valider",
            "background poll with no person to approve",
        ),
        Cause.USER_LIMIT: Text(
            "trop de connexions sur une même BAL", "too many connections to one mailbox"
        ),
        Cause.ADDRESS_LIMIT: Text(
            "trop de connexions depuis une même adresse", "too many connections from one address"
        ),
        Cause.CREDENTIALS: Text("mot de passe faux", "wrong password"),
        Cause.CERTIFICATE_REFUSED: Text("certificat refusé", "certificate refused"),
        Cause.TOKEN_REFUSED: Text("jeton refusé", "access token refused"),
        Cause.NOT_AUTHORIZED: Text("boîte d'un autre", "another's mailbox"),
        Cause.LIMITED: Text("trop de tentatives", "too many attempts"),
        Cause.MECHANISM: Text("mécanisme non offert ici", "a mechanism not offered here"),
        Cause.CONNECTION_LOST: Text("connexion refusée ou coupée", "connection refused or cut"),
    }.items()
}

BARRIERS: dict[str, Text] = {
    barrier.name.lower(): text
    for barrier, text in {
        Barrier.MECHANISM: Text(
            "le logiciel n'a aucun mécanisme que la règle de connexion lui laisse",
            "the software has none of the mechanisms that the login policy leaves it",
        ),
        Barrier.CERTIFICATE_REQUEST: Text(
            "le logiciel échoue quand l'endpoint demande un certificat client",
            "the software fails when the endpoint asks for a client certificate",
        ),
        Barrier.PORT_SETTING: Text(
            "le logiciel ne permet pas de régler le port", "the software cannot set a port"
        ),
        Barrier.PORT_BLOCKED: Text(
            "le pare-feu du site bloque le port", "the site's firewall blocks the port"
        ),
        Barrier.HOST_SETTING: Text(
            "le logiciel ne permet pas de régler l'hôte", "the software cannot set a host"
        ),
        Barrier.SERVER_NAME: Text(
            "le logiciel n'envoie pas de nom de serveur (SNI)",
            "the software sends no server name (SNI)",
        ),
        Barrier.SHARED_MAILBOX: Text(
            "accueillie par PREAUTH, une carte ouvre la BAL de sa personne, pas celle du service",
            "greeted PREAUTH, a card opens its person's own mailbox, not the shared one",
        ),
    }.items()
}

PHASES: dict[str, Text] = {
    phase.name.lower(): text
    for phase, text in {
        Phase.NETWORK: Text("réseau", "network"),
        Phase.SLOT: Text("attente d'une connexion libre", "waiting for a slot"),
        Phase.TLS: Text("TLS", "TLS"),
        Phase.SASL: Text("SASL", "SASL"),
        Phase.BACKEND: Text("PSC, SMS, annuaire", "PSC, SMS, directory"),
        Phase.PERSON: Text("personne", "person"),
    }.items()
}

METHOD_NAMES: dict[str, Text] = {
    str(method): Text(METHODS[method].label, METHODS[method].english) for method in Method
}

MEASURES: dict[str, Text] = {
    "machine": Text("machine (sans la personne)", "machine (without the person)"),
    "user": Text("attente d'une personne", "wait of a person"),
}

KNOWLEDGE: dict[str, Text] = {
    "scenario": Text("fixé par le scénario", "set by the scenario"),
    "placeholder": Text("valeur provisoire", "placeholder"),
    "expert guess": Text("avis d'expert", "expert guess"),
    "published": Text("publié", "published"),
    "measured": Text("mesuré", "measured"),
    "calibrated": Text("calibré sur une machine", "calibrated on a machine"),
}

UNITS: dict[str, str] = {
    "seconds": "secondes", "share": "part", "share of accesses": "part des accès",
    "ratio": "rapport", "mailboxes per unit": "BAL par unité", "hour of the day": "heure du jour",
    "hours": "heures", "0 or 1": "0 ou 1", "connections": "connexions", "steps": "pas",
    "share of receipts asked": "part des accusés demandés",
    "share of messages to applications": "part des messages à des applications",
    "share of acknowledgements asked": "part des acquittements demandés",
    "share of messages": "part des messages", "share of its messages": "part de ses messages",
    "share of sites": "part des sites", "euros a year": "euros par an", "cores": "cœurs",
    "share of polls that open a session": "part des relèves qui ouvrent une session",
    "share of requests": "part des demandes",
    "cores per 10 000 accesses": "cœurs pour 10 000 accès",
    "messages per period": "messages sur la période", "professionals": "professionnels",
    "establishments": "établissements", "sites": "sites", "homes": "EHPAD",
    "people per shared mailbox": "personnes par BAL organisationnelle",
    "share of codes": "part des codes", "share of SMS": "part des SMS",
    "poll or ping": "poll ou ping", "introspection or jwks": "introspection ou jwks",
    "retries": "nouvelles tentatives", "accesses per resolver": "accès par résolveur DNS",
    "dedicated or shared": "dedicated (dédié) ou shared (partagé)", "slots": "connexions",
    "channels": "canaux", "share of CPS logins": "part des connexions CPS",
    "per certificate and year": "par certificat et par an", "euros": "euros",
    "euros a day": "euros par jour", "days per URL and editor": "jours par URL et par éditeur",
    "editors": "éditeurs",
    "euros per opening request and site": "euros par demande d'ouverture et par site",
    "attempts": "tentatives",
    "messages": "messages",
    "recipients per message": "destinataires par message",
    "share of attempts": "part des tentatives",
    "share of days": "part des jours",
    "variance over mean": "variance sur moyenne",
    "mailboxes": "BAL", "share of mailboxes": "part des BAL",
    "external, certificate-alone, xoauth2 or the scenario's own":
        "external, certificate-alone, xoauth2 ou une règle du scénario",
    "years": "ans", "months": "mois", "per year": "par an", "quarters": "trimestres",
    "days per editor": "jours par éditeur", "euros a call": "euros par appel",
    "calls per access installed": "appels par accès installé",
    "calls per access and further place": "appels par accès et par URL de plus",
    "calls per access and quarter": "appels par accès et par trimestre",
    "euros an hour": "euros par heure", "euros a message": "euros par message",
    "euros per operator and year": "euros par opérateur et par an",
    "minutes per person": "minutes par personne", "minutes per site": "minutes par site",
    "minutes a working day": "minutes par jour ouvré",
    "share of sites a quarter": "part des sites par trimestre",
    "kind of software": "sorte de logiciel",
    "share of its installed base": "part de son parc",
    "share of its kind": "part de sa sorte",
    "incidents a year": "incidents par an", "minutes": "minutes",
}  # fmt: skip


def unit(name: str) -> Text:
    """Return a unit of the inputs' table in both languages."""
    return Text(UNITS.get(name, name), name)


def say(french: str, english: str, **values: Text | str) -> Text:
    """Fill one template per language; a Text value gives each language its own half."""
    return Text(
        french.format(**{k: v.fr if isinstance(v, Text) else v for k, v in values.items()}),
        english.format(**{k: v.en if isinstance(v, Text) else v for k, v in values.items()}),
    )


def enumerate_texts(items: Sequence[Text]) -> Text:
    """Join as a sentence does: a, b et c."""
    if not items:
        return NOTHING
    halves = []
    for language, word in (("fr", " et "), ("en", " and ")):
        parts = [item[language] for item in items]
        halves.append(word.join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts))
    return Text(*halves)


def decimal(value: float | None, digits: int = 0) -> Text:
    """Return a number with `digits` decimals: 12 345,6 and 12,345.6."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    text = text.replace("-", MINUS)
    return Text(text.replace(",", THIN).replace(".", ","), text)


def count(value: float | None) -> Text:
    """Return a whole number."""
    return decimal(value, 0)


def rounded(value: float) -> Text:
    """Return a whole number of three significant figures: 4 710 000."""
    if value == 0:
        return same("0")
    step = 10.0 ** max(0, math.floor(math.log10(abs(value))) - 2)
    return count(step * round(value / step))


def _significant(value: float, figures: int = 3) -> Text:
    """Return three significant figures, never in powers of ten."""
    if value == 0:
        return same("0")
    digits = max(0, figures - 1 - math.floor(math.log10(abs(value))))
    return decimal(value, min(digits, 6))


def percent(share: float | None) -> Text:
    """Return a share in per cent: 12,3 % and 12.3%; below 0.01 % that bound."""
    if share is None or not math.isfinite(share):
        return NOTHING
    if 0 < abs(share) < LEAST_PERCENT:
        sign = "" if share > 0 else MINUS
        return Text(f"<{HARD}{sign}0,01{HARD}%", f"<{HARD}{sign}0.01%")
    value = _significant(100 * share, 2 if abs(share) < 0.01 else 3)
    return Text(f"{value.fr}{HARD}%", f"{value.en}%")


def _with_unit(value: Text, symbol: str) -> Text:
    return Text(f"{value.fr}{HARD}{symbol}", f"{value.en}{HARD}{symbol}")


def seconds(value: float | None) -> Text:
    """Return a duration: ms below a second, min from three minutes on; below 0.01 ms that bound."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size == 0:
        return same(f"0{HARD}s")
    if size < LEAST_SECONDS:
        sign = "" if value > 0 else MINUS
        return Text(f"<{HARD}{sign}0,01{HARD}ms", f"<{HARD}{sign}0.01{HARD}ms")
    if size < MILLI:
        return _with_unit(_significant(1000 * value), "ms")
    if size < MINUTES:
        return _with_unit(_significant(value), "s")
    return _with_unit(_significant(value / 60), "min")


def euros(value: float) -> Text:
    """Return an amount: euros, k€ from 10 000, M€ from a million."""
    for size, symbol in ((1e6, "M€"), (1e4, "k€")):
        if abs(value) >= size:
            return _with_unit(_significant(value / (1e6 if symbol == "M€" else 1e3)), symbol)
    return _with_unit(count(value), "€")


def measure(value: float | None, kind: str) -> Text:
    """Return the value of a metric of unit `kind`: s, s a day or share."""
    return percent(value) if kind == "share" else seconds(value)


def difference(value: float | None, kind: str) -> Text:
    """Return a difference between two values of a metric; between shares it is in points."""
    text = measure(value, kind)
    if kind != "share" or text is NOTHING or value is None:
        return text
    french = "points" if abs(100 * value) >= FRENCH_PLURAL else "point"
    return Text(text.fr.replace("%", french), text.en.replace("%", f"{HARD}points"))


def interval(low: Text, high: Text) -> Text:
    """Return [low ; high], the unit once when both have the same, never cut in two lines."""
    halves = []
    for language, mark in (("fr", f"{HARD};{HARD}"), ("en", f";{HARD}")):
        first, second = low[language], high[language]
        unit_first, unit_second = _unit_of(first), _unit_of(second)
        if unit_first == unit_second and not first.startswith("<"):
            first = first.removesuffix(unit_first)
        halves.append(f"[{first}{mark}{second}]".replace(" ", HARD))
    return Text(*halves)


def _unit_of(text: str) -> str:
    """Return what follows the digits of a number, with its space."""
    found = re.search(r"[^\d]*$", text)
    return found.group() if found else ""


def limit(value: float, kind: str) -> Text:
    """Return a threshold, without the zeros that pretend to precision."""
    text = measure(value, kind)
    return Text(re.sub(r",(\d*?)0+(?=\D|$)", r",\1", text.fr).replace(f",{HARD}", HARD),
                re.sub(r"\.(\d*?)0+(?=\D|$)", r".\1", text.en).replace(f".{HARD}", HARD)
                .replace(".%", "%"))  # fmt: skip


def signed(text: Text, value: float) -> Text:
    """Put a plus before what is above 0."""
    return Text(f"+{text.fr}", f"+{text.en}") if value > 0 else text
