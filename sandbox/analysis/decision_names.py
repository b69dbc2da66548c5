"""What the map's conditions and what is drawn are called, in French and English."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.analysis.wording import (
    HARD,
    INCIDENTS,
    Text,
    decimal,
    enumerate_texts,
    same,
    say,
    signed,
    unit,
)
from sandbox.decision.cases import ChoiceCase
from sandbox.decision.features import (
    BARRIERS,
    HOURS,
    PREAUTH,
    SPREAD_HOURS,
    SPREAD_WORTH,
    barrier_key,
)
from sandbox.decision.rules import Condition, Rule
from sandbox.space.tables import inputs

__all__ = ["condition_text", "factor_name", "rule_text"]

KINDS: dict[str, Text] = {
    "lps": Text("logiciels de professionnels (LPS)", "practice software (LPS)"),
    "mail_client": Text("logiciels de messagerie", "mail programs"),
    "webmail": Text("webmails", "webmails"),
    "robot": Text("logiciels applicatifs", "application software"),
}
ABILITIES: dict[str, Text] = {
    "plain": Text("parlent PLAIN", "speak PLAIN"),
    "external": Text("parlent EXTERNAL", "speak EXTERNAL"),
    "alone": Text("se connectent par certificat seul", "log in by certificate alone"),
    "xoauth2": Text("parlent XOAUTH2", "speak XOAUTH2"),
    "port_setting": Text("laissent régler le port", "let the port be set"),
    "host_setting": Text("laissent régler l'hôte", "let the host be set"),
    "sni": Text("envoient le nom du serveur (SNI)", "send the server name (SNI)"),
    "certificate_request_fails": Text("échouent quand on leur demande un certificat",
                                      "fail when asked for a certificate"),
    "certificate_request_prompts": Text("ouvrent une fenêtre quand on demande un certificat",
                                        "open a dialogue when asked for a certificate"),
    "tls13": Text("parlent TLS 1.3", "speak TLS 1.3"),
    "resumes": Text("reprennent les sessions TLS", "resume TLS sessions"),
}  # fmt: skip
PREFIXES = {"imap_": "IMAP", "smtp_": "SMTP"}
LASTING: dict[str, Text] = {
    SPREAD_HOURS: Text(
        "par an chez un opérateur de mises en production ratées qui touchent d'autres méthodes",
        "a year at an operator of bad deployments that reach other methods",
    ),
    SPREAD_WORTH: Text(
        "par an de mises en production ratées qui touchent d'autres méthodes pour "
        "1\u00a0000\u00a0€ par an d'un endpoint de plus",
        "a year of bad deployments that reach other methods for 1,000 euros a year of one more "
        "endpoint",
    ),
}
REQUEST = Text("accès de personnes arrêtés par une demande de certificat",
               "people's accesses stopped by a certificate request")  # fmt: skip
# One barrier against another: what is stopped by this, and what by that.
STOPPED: dict[str, tuple[Text, Text]] = {
    barrier_key(other): (REQUEST, text)
    for other, text in zip(BARRIERS, (
        Text("ceux à l'hôte non réglable", "those whose host cannot be set"),
        Text("ceux sans nom du serveur (SNI)", "those that send no server name (SNI)"),
        Text("ceux au port non réglable", "those whose port cannot be set"),
        Text("ceux au port bloqué par le site", "those whose site blocks ports"),
    ), strict=True)
} | {PREAUTH: (
    Text("logiciels applicatifs arrêtés là où PREAUTH s'impose (0 sans lui)",
         "application software stopped where PREAUTH is imposed (0 without it)"),
    Text("ceux qu'EXTERNAL arrêterait", "those that EXTERNAL would stop"),
)}  # fmt: skip


MONEY: dict[str, Text] = {
    "certificate_year": Text("prix d'un certificat par an", "price of a certificate a year"),
    "record_year": Text("prix d'un enregistrement DNS par an", "price of a DNS record a year"),
    "endpoint_year": Text("supervision d'un point d'accès de plus par an",
                          "supervision of one more endpoint a year"),
    "expiry_probability": Text("certificats qui expirent en production",
                               "certificates that expire in production"),
    "expiry_incident": Text("coût d'une expiration", "cost of an expiry"),
    "editor_url_days": Text("jours d'un éditeur par adresse de plus",
                            "an editor's days for one more address"),
    "editors": Text("nombre d'éditeurs", "number of editors"),
    "plain_days": Text("jours d'un éditeur pour PLAIN", "an editor's days for PLAIN"),
    "external_days": Text("jours d'un éditeur pour EXTERNAL", "an editor's days for EXTERNAL"),
    "xoauth2_days": Text("jours d'un éditeur pour XOAUTH2", "an editor's days for XOAUTH2"),
    "alone_days": Text("jours d'un éditeur pour le certificat seul",
                       "an editor's days for a certificate alone"),
    "firewall_opening": Text("prix d'une ouverture de ports par site",
                             "price of opening ports at a site"),
    "support_call": Text("prix d'un appel au support", "price of a support call"),
    "calls_installed": Text("appels par installation", "calls for each installation"),
    "wrong_place": Text("appels pour un nom ou un port pris pour un autre",
                        "calls for a name or port taken for another"),
    "person_hour": Text("valeur d'une heure d'un professionnel",
                        "value of an hour of a professional"),
    "enrolment_minutes": Text("minutes d'enrôlement TOTP", "minutes of TOTP enrolment"),
    "app_minutes": Text("minutes d'installation de l'e-CPS", "minutes to install the e-CPS"),
    "sms_price": Text("prix d'un SMS", "price of an SMS"),
    "ciba_small_year": Text("CIBA d'un petit opérateur par an",
                            "a small operator's CIBA a year"),
    "ciba_medium_year": Text("CIBA d'un opérateur moyen par an",
                             "a medium operator's CIBA a year"),
    "ciba_large_year": Text("CIBA d'un grand opérateur par an",
                            "a large operator's CIBA a year"),
    "ciba_national_year": Text("CIBA d'un opérateur national par an",
                               "a national operator's CIBA a year"),
    "amortisation": Text("durée d'amortissement", "years of amortisation"),
}  # fmt: skip


PEOPLE: dict[str, Text] = {
    "active": Text("part des boîtes dont un logiciel se sert",
                   "share of mailboxes that software connects to"),
    "present_working": Text("présents un jour ouvré", "present on a working day"),
    "present_saturday": Text("présents un samedi", "present on a Saturday"),
    "present_sunday": Text("présents un dimanche", "present on a Sunday"),
    "opening_hour": Text("heure d'ouverture", "hour of opening"),
    "opening_sd": Text("écart type de l'ouverture", "standard deviation of the opening"),
    "closing_hour": Text("heure de fermeture", "hour of closing"),
    "closing_sd": Text("écart type de la fermeture", "standard deviation of the closing"),
    "rtt": Text("aller-retour sur le réseau", "network round trip"),
    "rtt_cv": Text("variation de l'aller-retour", "variation of the round trip"),
    "port_blocked": Text("sites dont le pare-feu bloque les ports",
                         "sites whose firewall blocks ports"),
    "machine_share": Text("part des messages qu'envoient des logiciels applicatifs",
                          "share of messages that application software sends"),
    "personal_mailboxes": Text("boîtes personnelles par site", "personal mailboxes a site"),
    "shared_mailboxes": Text("boîtes partagées par site", "shared mailboxes a site"),
    "application_mailboxes": Text("boîtes applicatives par site",
                                  "application mailboxes a site"),
}  # fmt: skip


def _ability(leaf: str) -> Text:
    for prefix, protocol in PREFIXES.items():
        if leaf.startswith(prefix):
            text = ABILITIES[leaf.removeprefix(prefix)]
            return Text(f"{text.fr} sur {protocol}", f"{text.en} over {protocol}")
    return ABILITIES[leaf]


def _share_of(key: str) -> tuple[Text, Text] | None:
    """Return of whom a key tells the share, and what they do; None: it tells something else."""
    *path, leaf = key.split(".")
    if leaf.removeprefix("imap_").removeprefix("smtp_") not in ABILITIES:
        return None
    if path[0] == "products":
        who = say("des installations de {p}", "of {p} installations", p=path[1])
        return who, _ability(leaf)
    if path[0] in KINDS:
        return say("des {kind}", "of {kind}", kind=KINDS[path[0]]), _ability(leaf)
    return None


OF_INCIDENTS = {
    "spreads": Text("part des mises en production ratées qui touchent d'autres méthodes",
                    "share of bad deployments that reach other methods"),
    "back_off": Text("pause avant de se reconnecter", "pause before connecting again"),
}  # fmt: skip


def _incident_name(path: Sequence[str]) -> Text:
    if path[1] in OF_INCIDENTS:
        return OF_INCIDENTS[path[1]]
    name = INCIDENTS[path[1]]
    if path[2] == "minutes":
        return say("durée : {i}", "how long: {i}", i=name)
    return say("fréquence : {i}", "how often: {i}", i=name)


def factor_name(key: str) -> Text:
    """Return what a factor is: in words for software, incidents and money, else its key."""
    share = _share_of(key)
    if share is not None:
        return say("part {w} qui {a}", "share {w} that {a}", w=share[0], a=share[1])
    path = key.split(".")
    if path[0] == "incidents":
        return _incident_name(path)
    if key == "login_policy":
        return Text("règle de connexion", "login policy")
    if key == "populations.*.message_share":
        return Text("répartition des messages", "who sends the messages")
    if key.endswith(".share") and path[0] == "products":
        kind = KINDS.get(path[1], same(path[1]))
        return say("parts de marché des {k}", "market shares of {k}", k=kind)
    if key.endswith((".method_*", ".software_*")):
        what = (Text("répartition des méthodes", "split of methods") if "method" in key
                else Text("répartition des logiciels", "split of software"))  # fmt: skip
        return say("{what} ({p})", "{what} ({p})", what=what, p=path[1])
    if path[0] == "populations" and path[-1] in PEOPLE:
        return say("{what} ({p})", "{what} ({p})", what=PEOPLE[path[-1]], p=path[1])
    if key == "mailboxes.holders":
        return Text("personnes par boîte partagée", "people a shared mailbox")
    if path[0] == "costs" and path[-1] in MONEY:
        return MONEY[path[-1]]
    return same(key)


def condition_text(each: Condition) -> Text:
    """Return one condition of the map as a sentence part."""
    if each.category:
        name = factor_name(each.key)
        if each.above:
            return say("{n} = {v}", "{n} = {v}", n=name, v=each.category)
        return say("{n} autre que {v}", "{n} other than {v}", n=name, v=each.category)
    share = _share_of(each.key)
    if share is not None:
        bound = decimal(100 * each.value)
        if each.above:
            return say("plus de {x} % {w} {a}", "more than {x}% {w} {a}", x=bound, w=share[0],
                       a=share[1])  # fmt: skip
        return say("au plus {x} % {w} {a}", "at most {x}% {w} {a}", x=bound, w=share[0],
                   a=share[1])  # fmt: skip
    if each.key in STOPPED:
        return _against(each)
    if each.key in HOURS or each.key in (SPREAD_HOURS, SPREAD_WORTH):
        return _lasting(each)
    row = inputs().get(each.key)
    what = unit(row.unit) if row else same("")
    digits = next((d for d, least in enumerate((100, 10, 1)) if abs(each.value) >= least), 3)
    bound = decimal(each.value, digits)
    if each.above:
        return say("{k} au-dessus de {x} ({u})", "{k} above {x} ({u})",
                   k=factor_name(each.key), x=bound, u=what)  # fmt: skip
    return say("{k} au plus {x} ({u})", "{k} at most {x} ({u})",
               k=factor_name(each.key), x=bound, u=what)  # fmt: skip


def _against(each: Condition) -> Text:
    """Return by how many points one barrier stops more than another; below 0: fewer."""
    bound = signed(decimal(100 * each.value, 1), each.value)
    this, other = STOPPED[each.key]
    if each.above:
        return say("{r} moins {o} : plus de {x} points", "{r} less {o}: more than {x} points",
                   r=this, o=other, x=bound)  # fmt: skip
    return say("{r} moins {o} : au plus {x} points", "{r} less {o}: at most {x} points",
               r=this, o=other, x=bound)  # fmt: skip


def _lasting(each: Condition) -> Text:
    """Return how long incidents of a kind last at an operator in a year, and for what money."""
    bound = decimal(each.value, 1)
    what = (say("par an chez un opérateur avec {i}", "a year at an operator with {i}",
                i=INCIDENTS[HOURS[each.key]])
            if each.key in HOURS else LASTING[each.key])  # fmt: skip
    if each.above:
        return say("plus de {x}{h}h {w}", "more than {x}{h}h {w}", x=bound, h=HARD, w=what)
    return say("au plus {x}{h}h {w}", "at most {x}{h}h {w}", x=bound, h=HARD, w=what)


def rule_text(rule: Rule | ChoiceCase) -> Text:
    """Return the conditions of a rule or case."""
    if not rule.conditions:
        return Text("dans tous les cas", "in every case")
    return enumerate_texts([condition_text(each) for each in rule.conditions])
