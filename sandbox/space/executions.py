"""Where each input of a scenario holds: in both executions, or in virtual time alone.

The tables are the declaration; tests check it against what either execution is built from. What is
not in them holds nowhere, and a test fails.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs

__all__ = [
    "BOTH",
    "SIMULATED",
    "TICKET_SECONDS",
    "KeyGroups",
    "check_live",
    "key_groups",
    "value_of",
]

TICKET_SECONDS = 7200  # OpenSSL's default, which Python's ssl cannot change
LONGEST_STEP = 120  # s; telephones know 30

# Keys, or patterns of keys, that the simulation and the live space both obey.
BOTH: tuple[str, ...] = (
    "login_policy",
    "methods.ecps.*",
    "methods.sms.*",
    "policies.session_seconds",
    "policies.totp_once",
    "policies.totp_step",
    "policies.token_seconds",
    "policies.psc_session_seconds",
    "policies.imap_keepalive",
    "policies.peace_seconds",
    "policies.ciba_interval",
    "policies.ciba_expiry",
    "policies.ciba_mode",
    "policies.token_check",
    "policies.prelogin_timeout",
    "policies.ticket_seconds",
    "policies.backlog",
    "populations.*.units",
    "populations.*.deployment",
    "populations.*.*_mailboxes",
    "populations.*.active",
    "populations.*.method_*",
    "mailboxes.holders",
    "resources.placement",
    "resources.misjudged",
    "resources.*.mailboxes",
    "resources.*.*_connections",
    "network.dns_ttl",
    "network.tls13_server",
    "backends.psc.timeout",
)

_PEOPLE = (
    "l'espace vivant a peu de personnages ; qui conduit un client décide quand il se connecte"
    " / the live space has a small cast; who drives a client decides when it connects"
)
_SOFTWARE = (
    "sur le fil les logiciels sont vrais / software on the wire is real: it does what it does"
)
_DEVICE = (
    "une carte vivante est un fichier, un code est calculé : qui conduit le client prend le temps"
    " / a live card is a file, a live code is computed: who drives the client takes the time"
)
_MACHINE = (
    "un serveur vivant prend le temps de processeur qu'il prend"
    " / a live server takes the processor time that it takes"
)
_NETWORK = (
    "l'espace vivant tient sur une machine : noms et allers-retours coûtent ce que coûte loopback"
    " / the live space stands on one machine: names and round trips cost what loopback costs"
)
_BACKEND = (
    "les services vivants répondent aussi vite que la machine le permet"
    " / live back ends answer as fast as this machine lets them"
)
_COSTS = "compté dans la table des coûts / counted in the cost table; nothing runs on it"

# Pattern -> why the live space has no use for it.
SIMULATED: dict[str, str] = {
    "traffic.*": _PEOPLE,
    "populations.*.message_share": _PEOPLE,
    "populations.*.machine_share": _PEOPLE,
    "populations.*.present_*": _PEOPLE,
    "populations.*.opening_*": _PEOPLE,
    "populations.*.closing_*": _PEOPLE,
    "populations.*.rtt*": _NETWORK,
    "populations.*.port_blocked": _NETWORK,
    "populations.*.software_*": _PEOPLE,
    "mailboxes.site_top_tenth": _PEOPLE,
    "service.*": "what a comparison asks of the service; nothing runs on it",
    "software.*": _SOFTWARE,
    "products.*": _SOFTWARE,
    "methods.cps.*": _DEVICE,
    "methods.ecps.forgotten": "un téléphone vivant répond à chaque demande à part, sans journée"
    " / a live telephone answers each request on its own: it knows no days",
    "methods.totp.*": _DEVICE,
    "policies.retry_*": _PEOPLE,
    "network.dns_hit": _NETWORK,
    "network.dns_miss": _NETWORK,
    "network.dns_users": _NETWORK,
    "processor.*": _MACHINE,
    "resources.*_cores": _MACHINE,
    "resources.user_connections": "les opérateurs vivants ne comptent pas les connexions d'une BAL"
    " / live operators do not count the connections of one mailbox",
    "resources.address_*": "sur loopback tous les clients ont une adresse"
    " / on loopback all clients have one address",
    "backends.psc.servers": _BACKEND,
    "backends.psc.authentication": _BACKEND,
    "backends.psc.token": _BACKEND,
    "backends.psc.poll": _BACKEND,
    "backends.psc.introspection": _BACKEND,
    "backends.psc.rtt": _NETWORK,
    "backends.sms.*": _BACKEND,
    "backends.directory.*": "les opérateurs vivants lisent l'annuaire à chaque connexion"
    " / live operators read the directory beside them at each login: no cache",
    "relay.queue_mean": "un opérateur vivant relaie aussitôt / a live operator relays at once",
    "relay.rtt": _NETWORK,
    "costs.*": _COSTS,
    "incidents.*": "compté sur une année ; sur le fil rien ne tombe sans qu'on l'arrête"
    " / counted over a year; on the wire nothing fails until somebody makes it",
    "migration.*": "compté par trimestre dans le plan d'une migration"
    " / counted over quarters in the plan of a migration; nothing runs on it",
}

# Keys whose value the wire knows in whole seconds only (CIBA Core §7.3, RFC 6749 §5.1, RFC 1035).
_WHOLE = (
    "policies.ciba_interval", "policies.ciba_expiry", "policies.token_seconds",
    "policies.psc_session_seconds", "policies.totp_step", "methods.sms.expiry", "network.dns_ttl",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyGroups:
    """Each key of `data/inputs.csv` once: names, or names with the reason."""

    both: tuple[str, ...]
    simulated: dict[str, str]
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


def _matching(key: str, patterns: tuple[str, ...] | dict[str, str]) -> str | None:
    return next((each for each in patterns if fnmatchcase(key, each)), None)


def key_groups(scenario: Scenario) -> KeyGroups:
    """Return where each input holds, for the values of a scenario."""
    refused = {key: str(why) for key, why in _refused(scenario)}
    both, simulated = [], {}
    for key in inputs():
        if key in refused:
            continue
        pattern = _matching(key, SIMULATED)
        if pattern is not None:
            simulated[key] = SIMULATED[pattern]
        elif _matching(key, BOTH) is not None:
            both.append(key)
    return KeyGroups(tuple(both), simulated, refused)


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
