"""Which certificates a space wants: of its servers, its relays, its people and its applications."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.directory import Directory
from sandbox.directory.identities import application_of, card_holder
from sandbox.live.cast import CastAccount
from sandbox.live.keys import AUTHORITY, WantedCertificate, application, card, relay, server
from sandbox.live.plan import CertificatePlan, SpacePlan
from sandbox.live.services import shared_certificates

__all__ = ["wanted_by_people", "wanted_by_servers"]


def wanted_by_servers(plan: SpacePlan) -> list[WantedCertificate]:
    """Return the certificates of all servers that listen or relay, operators that join included."""
    wanted = [
        server(CertificatePlan(path=path, names=names, addresses=(place.address,)), AUTHORITY)
        for path, place, names in shared_certificates(plan)
    ]
    wanted.append(relay(plan.citizens))
    for operator in plan.operators:
        wanted.append(relay(operator))
        wanted += [server(each, operator.organisation) for each in operator.certificates]
    for joined in plan.joined:
        wanted.append(relay(joined))
        made = CertificatePlan(
            path=f"{joined.label}/mail", names=(joined.mail,), addresses=(joined.relay.address,)
        )
        wanted.append(server(made, joined.organisation))
    return wanted


def wanted_by_people(
    directory: Directory, accounts: Iterable[CastAccount]
) -> list[WantedCertificate]:
    """Return the cards of who holds these accounts, and the certificates of applications."""
    wanted: dict[str, WantedCertificate] = {}  # a person may hold several accounts
    for account in accounts:
        for holder in account.holders:
            path = holder.certificate
            person = directory.person(holder.identity)
            if account.type.value == "APP":
                organisation = application_of(directory, account.address)
                wanted[path] = application(path, organisation, account.address)
            elif person is not None:
                wanted[path] = card(path, card_holder(person))
    return list(wanted.values())
