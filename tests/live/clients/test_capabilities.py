"""data/capabilities.csv: its form, and that what is cheap to try again still comes out so."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from sandbox.conformance.software.capabilities import TRIALS, read, tried, write
from sandbox.conformance.software.clients import CLIENTS
from tests.live.clients.world import World

TABLE = Path(__file__).parents[3] / "data" / "capabilities.csv"
ROWS = read(TABLE)
# In the order in which they are measured.
LOGINS = ("plain", "external", "xoauth2", "oauthbearer")
SHARED = ("sni", "tls13", "resumes", "port_setting", "host_setting", "certificate_request_fails")
HOLDS = ("holds_30", "holds_60", "holds_100")
# A yes in words that the measure has; any other is the software's own line, or its driver's.
YES = {
    "plain": r"logged in with PLAIN, by the journal",
    "external": r"logged in with EXTERNAL, by the journal",
    "xoauth2": r"logged in with XOAUTH2, by the journal",
    "oauthbearer": r"logged in with OAUTHBEARER, by the journal",
    "alone": r"greeted PREAUTH, it goes on|MAIL without AUTH",
    "holds": r"waited 110 s for the telephone|(closed|let in) after \d+ s(: .+)?",
}
CHEAP = ("curl", "Python", "msmtp", "fetchmail")
AGAIN = [
    (client, protocol, name)
    for client in CLIENTS
    if client.software in CHEAP
    for protocol in client.protocols
    for name in ("plain", "external", "oauthbearer", "alone")
]


def test_a_capability_of_software_has_one_row() -> None:
    told = Counter((row.software, row.capability) for row in ROWS)
    assert not [key for key, count in told.items() if count > 1]


def test_ten_or_more_were_measured() -> None:
    assert len({row.software for row in ROWS if row.value}) >= 10


def test_a_value_is_yes_no_or_untried_and_says_how() -> None:
    for row in ROWS:
        assert row.value in ("1", "0", ""), row
        assert row.how, row
        assert row.version, row
        assert "/" not in row.version, row
        assert "/root" not in row.how, row


def test_it_is_as_the_matrix_writes_it(tmp_path: Path) -> None:
    copy = tmp_path / TABLE.name
    write(copy, ROWS)
    assert copy.read_bytes() == TABLE.read_bytes()


def test_a_yes_is_in_the_words_of_the_measure() -> None:
    for row in (each for each in ROWS if each.value == "1"):
        words = YES.get(row.capability.partition("_")[2].partition("_")[0])
        assert words is None or re.fullmatch(words, row.how), row


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.software)
def test_all_capabilities_of_a_client_are_told(client: object) -> None:
    (software, protocols) = next(
        (each.software, each.protocols) for each in CLIENTS if each is client
    )
    mine = [row for row in ROWS if row.software == software]
    assert len({row.version for row in mine}) == 1
    assert [row.capability for row in mine] == [
        *(f"{p}_{name}" for p in protocols for name in LOGINS),
        *SHARED,
        *(f"{p}_alone" for p in protocols),
        *(f"{p}_{name}" for p in protocols for name in HOLDS),
    ]


def test_who_waits_longer_waits_shorter() -> None:
    values = {(row.software, row.capability): row.value for row in ROWS}
    for software, capability in values:
        if capability.endswith("_holds_100"):
            waits = [
                values[software, capability.replace("100", seconds)]
                for seconds in ("30", "60", "100")
            ]
            assert waits == sorted(waits, reverse=True), software


@pytest.mark.parametrize(
    ("client", "protocol", "name"), AGAIN, ids=lambda value: getattr(value, "software", str(value))
)
def test_it_comes_out_as_in_the_table(
    request: pytest.FixtureRequest, tmp_path: Path, client: object, protocol: str, name: str
) -> None:
    found = next(each for each in CLIENTS if each is client)
    if found.absent:
        pytest.skip(f"{found.absent} is not installed (.ci/peers-operators)")
    world: World = request.getfixturevalue("alone" if name == "alone" else "world")
    row = next(r for r in ROWS if (r.software, r.capability) == (found.software,
               f"{protocol}_{name}"))  # fmt: skip
    trial = TRIALS[name]
    result = tried(world, found, protocol, trial, world.login(trial.method, trial.mechanism),
                   tmp_path)  # fmt: skip
    if result.value != row.value and row.value == "0" and found.version() != row.version:
        pytest.skip(f"{found.software} {found.version()} can what {row.version} could not")
    assert result.value == row.value, result
