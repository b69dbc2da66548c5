"""The directory at national size: build, LDAP beside OpenLDAP with the same LDIF, FHIR, extraction.

    python benchmarks/bench_directory.py [--people N] [--seconds S] [--without-slapd]

Everything is measured in one run on one machine, client and server sharing its cores, so read the
ratios. Peers: SQLite's own VACUUM INTO (the cost of writing the same rows and indexes again), slapd
(mdb, same entries, indexed), and a bare Starlette route that returns a ready-made page.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sansldap
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from sandbox.directory import NATIONAL, Directory, DirectoryServer, ServerOptions
from sandbox.directory.extractions import correspondence
from sandbox.directory.ldap import BASE_DN, ber
from sandbox.directory.ldap.slapd import Slapd
from sandbox.space.errors import UserError

_BUILD = """
import resource, sys, time
from sandbox.directory.build import build_database
from sandbox.directory.population import PopulationSpec
from pathlib import Path
start = time.perf_counter()
spec = PopulationSpec(people=int(sys.argv[2]), mailboxes=int(sys.argv[3]))
build_database(spec, Path(sys.argv[1]))
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
_DONE = 0x65


class LdapClient:
    """A connection that sends prepared searches, one after the other, to any server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = bytearray()

    def search(self, request: bytes) -> int:
        """Send one search and return the number of entries that came."""
        self._socket.sendall(request)
        entries = 0
        while True:
            message = ber.frame(self._pending, 1 << 24)
            if message is None:
                data = self._socket.recv(1 << 18)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self._pending += data
            elif message.operation == _DONE:
                return entries
            else:
                entries += 1


def request(text: str, limit: int = 0) -> bytes:
    """Encode a search under the base of the directory."""
    client = sansldap.LDAPClient()
    client.search_request(BASE_DN, filter=sansldap.LDAPFilter.from_string(text), size_limit=limit)
    return client.data_to_send()


def rate(work: Callable[[], int], seconds: float) -> tuple[float, int]:
    """Repeat some work for a while: (times a second, what it found in all).

    Prints the processor time of this process, client and server: it does not depend on what else
    the machine does.
    """
    start, before = time.perf_counter(), time.process_time()
    count = found = 0
    while (elapsed := time.perf_counter() - start) < seconds:
        found += work()
        count += 1
    print(f"  {1000 * (time.process_time() - before) / count:.2f} ms of processor here")
    return count / elapsed, found


def queries(directory: Directory) -> dict[str, list[bytes]]:
    """Prepare searches on values spread over the population."""
    step = max(1, int(directory.meta["mailboxes"]) // 500)
    boxes = list(directory.mailboxes(f"m.id % {step} = 0 AND m.red = 0 AND m.person IS NOT NULL"))
    people = [box.person for box in boxes if box.person]
    return {
        "address": [request(f"(mail={box.address})") for box in boxes],
        "RPPS": [request(f"(mssRpps={p.rpps})") for p in people if p.rpps],
        "surname, 20": [request(f"(sn={p.surname})", 20) for p in people],
        "cn prefix, 20": [request(f"(cn={p.given_name} {p.surname[:3]}*)", 20) for p in people],
        "contains, 20": [
            request(f"(|(cn=*{p.surname[:5]}*)(mail=*{p.surname[:5].lower()}*))", 20)
            for p in people
            if p.surname[:5].isascii() and p.surname[:5].isalpha()
        ],
        "profession and department, 20": [
            request(f"(&(mssProfession={p.profession_code})(mssDepartement={p.department}))", 20)
            for p in people
        ],
    }


def bench_ldap(port: int, prepared: dict[str, list[bytes]], seconds: float) -> dict[str, float]:
    """Return searches a second for each kind of query."""
    client = LdapClient(port)
    rates = {}
    for name, requests in prepared.items():
        turn = itertools.cycle(requests)
        rates[name], found = rate(lambda turn=turn: client.search(next(turn)), seconds)
        assert found, name
    return rates


@contextmanager
def bare_page(body: bytes) -> Iterator[int]:
    """Serve a ready-made page with the same framework: its ceiling."""

    async def page(_request: object) -> Response:
        return Response(body, media_type="application/fhir+json")

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            Starlette(routes=[Route("/", page)]), log_config=None, lifespan="off"
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def get(connection: http.client.HTTPConnection, path: str) -> int:
    """Get one page."""
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return len(body)


def bench_fhir(directory: Directory, port: int, seconds: float) -> None:
    """Print FHIR searches a second beside a bare route."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    names = [p.surname for p in directory.people(limit=200)]
    rpps = [p.national_id for p in directory.people(limit=200)]
    turn = itertools.count()
    paths = {
        "identifier": lambda: f"Practitioner?identifier={rpps[next(turn) % len(rpps)]}",
        "family, page of 50": lambda: f"Practitioner?family={names[next(turn) % len(names)]}",
        "mailbox contains, page of 50": lambda: (
            f"PractitionerRole?mailbox-mss:contains={names[next(turn) % len(names)][:4].lower()}"
        ),
    }
    connection.request("GET", "/fhir/v2/Practitioner?family=martin")
    body = connection.getresponse().read()
    with bare_page(body) as bare:
        other = http.client.HTTPConnection("127.0.0.1", bare)
        ceiling, _ = rate(lambda: get(other, "/"), seconds)
    print(f"FHIR: bare route with a page of {len(body)} bytes: {ceiling:.0f}/s")
    for name, path in paths.items():

        def one(path: Callable[[], str] = path) -> int:
            plain = path().encode("ascii", "ignore").decode().replace(" ", "%20")
            return get(connection, f"/fhir/v2/{plain}")

        got, _ = rate(one, seconds)
        print(f"FHIR: {name}: {got:.0f}/s, {got / ceiling:.2f} of the bare route")


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=NATIONAL.people)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--without-slapd", action="store_true")
    options = parser.parse_args()
    mailboxes = options.people * NATIONAL.mailboxes // NATIONAL.people
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annuaire.db"
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(path), str(options.people), str(mailboxes)],
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, processor, megabytes = map(float, done.stdout.split())
        start = time.perf_counter()
        copy = sqlite3.connect(path)
        copy.execute("VACUUM INTO ?", (str(Path(folder) / "copy.db"),))
        copy.close()
        writing = time.perf_counter() - start
        print(
            f"build: {options.people} people, {mailboxes} mailboxes in {seconds:.1f} s "
            f"({processor:.1f} s of processor) and {megabytes:.0f} MB, "
            f"{seconds / writing:.1f} times VACUUM INTO ({writing:.1f} s)"
        )
        with Directory(path) as directory:
            prepared = queries(directory)
            with DirectoryServer(directory, ServerOptions()) as server:
                ours = bench_ldap(server.ports["ldap"], prepared, options.seconds)
                theirs: dict[str, float] = {}
                if not options.without_slapd:
                    theirs = beside_slapd(directory, prepared, options.seconds)
                for name, got in ours.items():
                    peer = theirs.get(name)
                    beside = f", slapd {peer:.0f}/s, ratio {got / peer:.2f}" if peer else ""
                    print(f"LDAP: {name}: {got:.0f}/s{beside}")
                bench_fhir(directory, server.ports["http"], options.seconds)
            start = time.perf_counter()
            size = sum(len(chunk) for chunk in correspondence(directory).chunks())
            print(f"extraction: {size / 1e6:.1f} MB in {time.perf_counter() - start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak of server and client, MB": round(peak)}))


def beside_slapd(
    directory: Directory, prepared: dict[str, list[bytes]], seconds: float
) -> dict[str, float]:
    """Load OpenLDAP with the same entries and measure the same searches."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    try:
        with Slapd(directory, port):
            print(f"slapd: export and slapadd in {time.perf_counter() - start:.0f} s")
            return bench_ldap(port, prepared, seconds)
    except UserError as error:
        print(f"slapd: not measured: {error}")
        return {}


if __name__ == "__main__":
    main()
