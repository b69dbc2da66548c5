"""Each operator's own CIBA: a provider that sends SMS, as a server of the space."""

from __future__ import annotations

from sandbox.live.folder import SpaceFolder
from sandbox.live.keys import Keys
from sandbox.live.plan import SpacePlan
from sandbox.live.services import tls_files
from sandbox.live.wire import WireSettings
from sandbox.psc import Client, Clock, People, ProviderOptions
from sandbox.psc.server import ProviderServer
from sandbox.serve import Pool

__all__ = ["OWN_CLIENT", "own_providers", "own_secret"]

OWN_CLIENT = "messagerie"  # how an operator is registered at its own CIBA


def own_secret(folder: SpaceFolder, operator: str) -> str:
    """Return the secret of an operator at its own CIBA."""
    return folder.secret(f"{operator}-ciba")


def own_providers(
    plan: SpacePlan, wire: WireSettings, keys: Keys, folder: SpaceFolder, people: People,
    *, seed: int, clock: Clock, pool: Pool,
) -> dict[str, ProviderServer]:  # fmt: skip
    """Return the providers, not started, by operator."""
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
