"""Incidents: faults that come together, under the name that people give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.observations.schema import Words

__all__ = ["FaultPreset", "incidents_of"]

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPreset:
    """Faults that come together, under the name that people give them."""

    name: str
    title: Words
    watch: Words
    rules: tuple[Rule, ...]


_ANYWHERE: tuple[FaultPreset, ...] = (
    FaultPreset(
        name="psc-down",
        title=Words("Lundi 9 h : Pro Santé Connect tombe", "Monday 9:00: Pro Santé Connect falls"),
        watch=Words(
            "Les connexions par e-CPS attendent puis échouent ; cartes et codes passent.",
            "e-CPS logins wait, then fail; cards and codes get through.",
        ),
        rules=({"service": "psc", "fault": "down"},),
    ),
    FaultPreset(
        name="sms-lost",
        title=Words("Les SMS ne partent plus", "SMS are lost"),
        watch=Words(
            "Plus aucun lien n'arrive ; le motif est sms-lost, pas l'absence de la personne.",
            "No link arrives any more; the reason is sms-lost, not a person who is away.",
        ),
        rules=({"service": "sms", "fault": "lost"},),
    ),
    FaultPreset(
        name="revocation-unknown",
        title=Words("L'IGC ne répond plus", "The authority does not answer"),
        watch=Words(
            "Sans OCSP ni CRL fraîche, les cartes sont refusées quand ce qui est su a vieilli.",
            "With neither OCSP nor a fresh CRL, cards are refused once what is known has aged.",
        ),
        rules=(
            {"service": "pki", "fault": "ocsp-unreachable"},
            {"service": "pki", "fault": "crl-unreachable"},
        ),
    ),
    FaultPreset(
        name="relay-down",
        title=Words("Un opérateur ne reçoit plus", "An operator takes no mail"),
        watch=Words(
            "Les messages attendent chez l'expéditeur et partent quand tout est réparé.",
            "Messages wait at the sender's operator and leave when all is mended.",
        ),
        rules=({"service": "mail", "fault": "relay-down"},),
    ),
    FaultPreset(
        name="flaky",
        title=Words("Une commande sur dix coupe la connexion", "One command in ten cuts"),
        watch=Words(
            "Le logiciel se reconnecte-t-il ? La graine rejoue les mêmes coupures.",
            "Does the software connect again? The seed replays the same cuts.",
        ),
        rules=({"service": "mail", "fault": "cut", "probability": 0.1},),
    ),
    FaultPreset(
        name="full-disk",
        title=Words("Le disque d'un opérateur est plein", "An operator's disk is full"),
        watch=Words(
            "451 et NO [UNAVAILABLE] ; lire et effacer marchent encore.",
            "451 and NO [UNAVAILABLE]; reading and removing still work.",
        ),
        rules=({"service": "mail", "fault": "full-disk"},),
    ),
    FaultPreset(
        name="dns",
        title=Words("Le DNS répond SERVFAIL", "DNS answers SERVFAIL"),
        watch=Words(
            "Qui n'a plus de nom en cache ne trouve plus de serveur.",
            "Whoever has no name in cache finds no server.",
        ),
        rules=({"service": "dns", "fault": "servfail"},),
    ),
    FaultPreset(
        name="certificate-expired",
        title=Words("Le certificat du frontal expire", "The front's certificate expires"),
        watch=Words(
            "Celui qui sert IMAP par carte : seul, il n'arrête qu'elle ; partagé, tout le monde.",
            "The one that serves IMAP by card: alone it stops only the card; shared, everybody.",
        ),
        rules=(
            {
                "service": "mail",
                "fault": "certificate-expired",
                "protocol": "imap",
                "method": "cps",
            },
        ),
    ),
    FaultPreset(
        name="list-stale",
        title=Words("La liste des domaines n'est plus à jour", "The list of domains is stale"),
        watch=Words(
            "Retirer un domaine (Confiance) : il reçoit encore, tant que la liste n'est pas relue.",
            "Withdraw a domain (Trust): it still takes mail, until the list is read again.",
        ),
        rules=({"service": "pki", "fault": "list-stale"},),
    ),
)


def incidents_of(sheet: dict[str, Any]) -> tuple[FaultPreset, ...]:
    """Return those that can be in a space: of its designs and operators, then of any."""
    return (*_here(sheet), *_ANYWHERE)


def _here(sheet: dict[str, Any]) -> Iterator[FaultPreset]:
    operators = sheet["operators"]
    by_port = [name for name, places in operators[0]["designs"].items() if _by_port(places)]
    if by_port:
        yield FaultPreset(
            name="ports-closed",
            title=Words("Un pare-feu ferme les ports par méthode",
                        "A firewall closes the ports by method"),
            watch=Words(
                f"Connexion refusée sous {', '.join(by_port)} ; les autres n'en savent rien.",
                f"Connections are refused under {', '.join(by_port)}; others know nothing of it.",
            ),
            rules=tuple(
                {"service": "mail", "fault": "port-closed", "design": name} for name in by_port
            ),
        )  # fmt: skip
    last = operators[-1]["name"]
    yield FaultPreset(
        name="operator-stopped",
        title=Words(f"L'opérateur {last} s'arrête", f"Operator {last} stops"),
        watch=Words(
            "Plus personne n'y entre ; ce qu'on lui écrit attend chez l'expéditeur.",
            "Nobody gets in there; mail for it waits at the sender's operator.",
        ),
        rules=({"service": "mail", "fault": "operator-stopped", "operator": last},),
    )


def _by_port(places: list[dict[str, Any]]) -> bool:
    """Tell whether one host has several ports of a protocol: not all can be the usual one."""
    seen: dict[tuple[str, str], set[int]] = {}
    for each in places:
        seen.setdefault((each["protocol"], each["host"]), set()).add(each["port"])
    return any(len(ports) > 1 for ports in seen.values())
