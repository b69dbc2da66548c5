"""Where each input of a scenario holds: in both executions, in virtual time or on the wire alone.

The column `execution` of `data/inputs.csv` declares it: `both`, or a word for why one execution has
no use for it, spelt out here. Tests check it against what either execution is built from.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario
from sandbox.space.tables import BOTH, inputs

__all__ = [
    "LIVE",
    "SIMULATED",
    "TICKET_SECONDS",
    "KeyGroups",
    "check_live",
    "key_groups",
    "value_of",
]

TICKET_SECONDS = 7200  # OpenSSL's default, which Python's ssl cannot change
LONGEST_STEP = 120  # s; telephones know 30

# Why an input is simulated only, by the word that stands in the column `execution`.
SIMULATED: dict[str, str] = {
    "people": "l'espace vivant a peu de personnages ; qui conduit un client décide quand il se"
    " connecte / the live space has a small cast; who drives a client decides when it connects",
    "software": "sur le fil les logiciels sont vrais"
    " / software on the wire is real: it does what it does",
    "device": "une carte vivante est un fichier, un code est calculé : qui conduit le client prend"
    " le temps / a live card is a file, a live code is computed: who drives the client takes the"
    " time",
    "days": "un téléphone vivant répond à chaque demande à part, sans journée"
    " / a live telephone answers each request on its own: it knows no days",
    "machine": "un serveur vivant prend le temps de processeur qu'il prend"
    " / a live server takes the processor time that it takes",
    "network": "l'espace vivant tient sur une machine : noms et allers-retours coûtent ce que coûte"
    " loopback"
    " / the live space stands on one machine: names and round trips cost what loopback costs",
    "loopback": "sur loopback tous les clients ont une adresse"
    " / on loopback all clients have one address",
    "mailbox": "les opérateurs vivants ne comptent pas les connexions d'une BAL"
    " / live operators do not count the connections of one mailbox",
    "backend": "les services vivants répondent aussi vite que la machine le permet"
    " / live back ends answer as fast as this machine lets them",
    "cache": "les opérateurs vivants lisent l'annuaire à chaque connexion"
    " / live operators read the directory beside them at each login: no cache",
    "relay": "un opérateur vivant relaie aussitôt / a live operator relays at once",
    "level": "ce qu'une comparaison demande au service ; rien n'en dépend sur le fil"
    " / what a comparison asks of the service; nothing runs on it",
    "costs": "compté dans la table des coûts / counted in the cost table; nothing runs on it",
    "year": "compté sur une année ; sur le fil rien ne tombe sans qu'on l'arrête"
    " / counted over a year; on the wire nothing fails until somebody makes it",
    "quarters": "compté par trimestre dans le plan d'une migration"
    " / counted over quarters in the plan of a migration; nothing runs on it",
}
# Why an input holds on the wire only.
LIVE: dict[str, str] = {
    "clocks": "les horloges simulées sont justes / simulated clocks are right",
    "revocation": "rien n'est révoqué pendant une simulation"
    " / nothing is revoked while a simulation runs",
    "controls": "un mois simulé est compté aussitôt, rien n'en est gardé"
    " / a simulated month is counted at once, nothing of it is kept",
}

# Keys whose value the wire knows in whole seconds only (CIBA Core §7.3, RFC 6749 §5.1, RFC 1035).
_WHOLE = (
    "policies.ciba_interval", "policies.ciba_expiry", "policies.token_seconds",
    "policies.psc_session_seconds", "policies.totp_step", "methods.sms.expiry", "network.dns_ttl",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyGroups:
    """Each input once: names, or names with the reason.

    Attributes:
        both: both executions obey it.
        simulated, live: only one does.
        refused: its value cannot hold on the wire.
    """

    both: tuple[str, ...]
    simulated: dict[str, str]
    live: dict[str, str]
    refused: dict[str, str]


def value_of(scenario: Scenario, key: str) -> Any:
    """Return the value of a dotted key."""
    node: Any = scenario
    for part in key.split("."):
        node = node[part] if isinstance(node, dict) else getattr(node, part)
    return node


def _refused(scenario: Scenario) -> Iterator[tuple[str, UserError]]:
    """Yield the keys whose value cannot hold on the wire, and what would."""
    for key in _WHOLE:
        if not float(value_of(scenario, key)).is_integer():
            yield (
                key,
                UserError(
                    "le fil compte en secondes entières ; donner un nombre entier",
                    "the wire counts it in whole seconds; give a whole number",
                ),
            )
    policies = scenario.policies
    if scenario.resources.placement != "dedicated":
        yield (
            "resources.placement",
            UserError(
                "chaque socket du fil a ses propres places ; mettre dedicated",
                "each socket on the wire has slots of its own; put dedicated",
            ),
        )
    if policies.totp_step > LONGEST_STEP:
        yield (
            "policies.totp_step",
            UserError(
                "aucun téléphone ne calcule de tels codes ; au plus",
                "no telephone computes such codes; at most",
                then=LONGEST_STEP,
            ),
        )
    if policies.ticket_seconds not in (0, TICKET_SECONDS):
        yield (
            "policies.ticket_seconds",
            UserError(
                f"OpenSSL donne aux tickets {TICKET_SECONDS} s ; mettre {TICKET_SECONDS}, ou 0",
                f"OpenSSL gives tickets {TICKET_SECONDS} s; put {TICKET_SECONDS}, or 0 for none",
            ),
        )
    if policies.backlog > socket.SOMAXCONN:
        yield (
            "policies.backlog",
            UserError(
                f"le système en garde au plus {socket.SOMAXCONN} en attente",
                f"the system keeps at most {socket.SOMAXCONN} waiting",
            ),
        )
    for key, most in (("methods.sms.delivery_mean", 3600), ("methods.sms.delivery_cv", 10)):
        if value_of(scenario, key) > most:
            yield key, UserError("au plus", "at most", then=most)


def key_groups(scenario: Scenario) -> KeyGroups:
    """Return where each input holds, for the values of a scenario."""
    refused = {key: str(why) for key, why in _refused(scenario)}
    others = {key: row.execution for key, row in inputs().items() if key not in refused}
    return KeyGroups(
        both=tuple(key for key, word in others.items() if word == BOTH),
        simulated={key: SIMULATED[word] for key, word in others.items() if word in SIMULATED},
        live={key: LIVE[word] for key, word in others.items() if word in LIVE},
        refused=refused,
    )


def check_live(scenario: Scenario) -> None:
    """Check that a scenario can be brought up.

    Raises:
        UserError: naming the key whose value the wire cannot have.
    """
    for key, why in _refused(scenario):
        raise UserError(
            f"impossible sur le fil (mais simulable) : {why.french}",
            f"cannot be brought up (it can be simulated): {why.english}",
            where=f"scenario {scenario.name}: {key} = {value_of(scenario, key)}",
            then=why.then,
        )
