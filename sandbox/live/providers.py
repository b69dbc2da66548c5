"""Who rings telephones, as servers: Pro Santé Connect, and each operator's own CIBA."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.live.folder import SpaceFolder
from sandbox.live.keys import Keys
from sandbox.live.plan import SpacePlan
from sandbox.live.services import tls_files
from sandbox.live.wire import WireSettings
from sandbox.operators.auth.ciba_ping import PATH
from sandbox.operators.auth.revocation import Revocation
from sandbox.psc import Client, Clock, People, ProviderOptions
from sandbox.psc.clients import BUILT_IN_CLIENTS
from sandbox.psc.outage import Window
from sandbox.psc.server import ProviderServer
from sandbox.serve import Pool

__all__ = [
    "OWN_CLIENT",
    "client_of",
    "national_clients",
    "national_provider",
    "own_providers",
    "own_secret",
]

OWN_CLIENT = "messagerie"  # how an operator is registered at its own CIBA


def client_of(operator: str) -> str:
    """Return the name under which an operator is registered at Pro Santé Connect."""
    return f"operateur-{operator}"


def own_secret(folder: SpaceFolder, operator: str) -> str:
    """Return the secret of an operator at its own CIBA."""
    return folder.secret(f"{operator}-ciba")


def national_clients(plan: SpacePlan, wire: WireSettings, folder: SpaceFolder) -> list[Client]:
    """Return the clients of Pro Santé Connect: its own examples, then the operators."""
    pinged = wire.operator.pinged
    return [
        *BUILT_IN_CLIENTS,
        *(
            Client(
                client_id=client_of(each.label),
                client_secret=folder.secret(each.label),
                delivery_mode="ping" if pinged else "poll",
                notification_endpoint=each.accounts.url(PATH) if pinged else None,
            )
            for each in plan.operators
        ),
    ]


def national_provider(
    plan: SpacePlan, wire: WireSettings, keys: Keys, folder: SpaceFolder, people: People,
    *, clients: Sequence[Client], revocation: Revocation, outages: Sequence[Window], seed: int,
    clock: Clock, pool: Pool,
) -> ProviderServer:  # fmt: skip
    """Return Pro Santé Connect, not started."""
    addresses = {a for host in plan.zone.hosts for a in host.addresses}
    pinged = {each.accounts.address for each in plan.operators if wire.operator.pinged}
    return ProviderServer(
        wire.psc,
        ProviderOptions(
            people=people,
            clients=tuple(clients),
            behaviour=wire.phones,
            outages=tuple(outages),
            seed=seed,
            control_secret=folder.secret("psc-control"),
            reserved=frozenset(addresses - pinged),
        ),
        files=tls_files(keys, "psc"),
        revocation=revocation,
        port=plan.psc.port,
        mtls_port=plan.psc_mtls.port,
        wallet_port=plan.psc_wallet.port,
        host_name=plan.psc.address,
        address=plan.psc.address,
        state=folder.path / "psc" / "state.db",
        clock=clock,
        pool=pool,
    )


def own_providers(
    plan: SpacePlan, wire: WireSettings, keys: Keys, folder: SpaceFolder, people: People,
    *, seed: int, clock: Clock, pool: Pool,
) -> dict[str, ProviderServer]:  # fmt: skip
    """Return the operators' own providers, which send SMS, not started, by operator."""
    return {
        operator.label: ProviderServer(
            wire.own,
            ProviderOptions(
                people=people,
                clients=(
                    Client(client_id=OWN_CLIENT, client_secret=own_secret(folder, operator.label)),
                ),
                behaviour=wire.links,
                sms=wire.sms,
                seed=seed,
                control_secret=folder.secret("psc-control"),
            ),
            files=tls_files(keys, f"{operator.label}/ciba"),
            port=operator.ciba.port,
            host_name=operator.ciba.address,
            address=operator.ciba.address,
            state=folder.path / "psc" / f"{operator.label}.db",
            clock=clock,
            pool=pool,
        )
        for operator in plan.operators
    }
