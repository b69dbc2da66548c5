"""Our provider in a process of its own: python benchmarks/psc_ours.py PORT PROFILE [STATE]."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sandbox.psc import BuiltInPeople, EndUser, Provider, ProviderOptions, settings_for
from sandbox.psc.control import control_routes, direct_decisions
from sandbox.psc.store import ProviderStore
from sandbox.psc.web import application, direct_of
from sandbox.serve import HttpServer, serve_until_interrupted
from tests.psc.conftest import CLIENTS, SECRET

PEOPLE = 200


def main(port: int, profile: str, state: str = "") -> None:
    """Serve until killed; `state` is a file, empty for memory."""
    people = BuiltInPeople(
        EndUser(national_id=f"8997{number:08d}", given_name="A", family_name="B")
        for number in range(PEOPLE)
    )
    provider = Provider(
        settings_for(profile, interval=1),
        f"http://127.0.0.1:{port}",
        options=ProviderOptions(clients=CLIENTS, people=people, control_secret=SECRET),
        store=ProviderStore(Path(state) if state else None),
    )
    app = application(provider, control_routes(provider))
    server = HttpServer(app=app, direct=direct_of(provider) | direct_decisions(provider), port=port)
    serve_until_interrupted((server,), lambda: None)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
