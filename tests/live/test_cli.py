"""The verbs: up, send, inbox, watch, in processes of their own as a person has them."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.live.cli_mail import harmless, shown
from sandbox.live.mailer import choose
from sandbox.live.sheet_file import read_sheet
from sandbox.space.errors import UserError
from tests.command import Finished, mss
from tests.test_cli import WITHOUT_SCIENCE

ROOT = Path(__file__).parents[2]
UP = (
    "up", "demo", "--design", "single-endpoint", "--design", "api-lps-2023", "--operators", "1",
    "--keys", "p256", "--behaviour", "approve", "--loopback", "204",
)  # fmt: skip


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WITHOUT_SCIENCE, *arguments], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(*arguments: str) -> Finished:
    return mss(*arguments, cwd=ROOT)


def wait_for_sheet(folder: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    while process.poll() is None:
        try:
            return read_sheet(folder)
        except UserError:
            time.sleep(0.05)
    raise AssertionError(process.communicate())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("space")
    process = start(*UP, "--dir", str(found))
    try:
        wait_for_sheet(found, process)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 0


def addresses(folder: Path, kind: str) -> list[str]:
    return [e["address"] for e in read_sheet(folder)["accounts"] if e["type"] == kind]


def test_a_message_is_sent_listed_and_read(folder: Path, tmp_path: Path) -> None:
    sender, recipient, *_ = addresses(folder, "PER")
    (tmp_path / "compte-rendu.txt").write_text("Tout va bien.\n")
    sent = run(
        "send", sender, recipient, "-s", "Été", "-b", "Bonjour", "-a",
        str(tmp_path / "compte-rendu.txt"), "--dir", str(folder), "--method", "cps",
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    listed = run("inbox", recipient, "--dir", str(folder), "--method", "cps", "--json")
    (row,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (row["subject"], row["from"]) == ("Été", sender)
    read = run("inbox", recipient, "--dir", str(folder), "--read", str(row["uid"]),
               "--method", "cps")  # fmt: skip
    assert "compte-rendu.txt" in read.stdout
    assert "cps" in sent.stdout


@pytest.mark.parametrize("design", ["single-endpoint", "api-lps-2023"])
@pytest.mark.parametrize("method", ["totp", "ecps", "cps"])
def test_each_method_sends_under_each_design(folder: Path, design: str, method: str) -> None:
    people = addresses(folder, "PER")
    # A one-time code is good once: each design is tried by another person.
    sender = people[design == "api-lps-2023"]
    sent = run("send", sender, people[2], "--dir", str(folder), "--method", method,
               "--design", design)  # fmt: skip
    assert sent.returncode == 0, sent.stderr


def test_a_refusal_is_told_with_the_journals_reason(folder: Path) -> None:
    sender = addresses(folder, "PER")[0]
    sent = run("send", sender, "someone@outside.example", "--dir", str(folder))
    assert sent.returncode == 1
    (line,) = sent.stderr.splitlines()
    assert "relay-domain-unlisted)" in line
    told = run("journal", "--dir", str(folder), "--client", sender).stdout.splitlines()
    assert any("relay-domain-unlisted)" in each for each in told)


def test_code_prints_what_the_telephone_shows_and_it_logs_in(folder: Path) -> None:
    owner = addresses(folder, "PER")[3]
    told = json.loads(run("code", owner, "--dir", str(folder), "--json").stdout)
    assert 0 < told["seconds"] <= 30
    sheet = read_sheet(folder)
    way = choose(sheet, owner, "imap", method="totp")
    with way.connect() as plain:
        lines = plain.makefile("rb")
        assert lines.readline().startswith(b"* OK")
        password = way.secrets["password"] + told["code"]
        sasl = base64.b64encode(f"\0{told['username']}\0{password}".encode()).decode()
        plain.sendall(f"a AUTHENTICATE PLAIN {sasl}\r\n".encode())
        assert lines.readline().startswith(b"a OK")


def test_code_of_who_has_no_telephone_is_refused_in_one_line(folder: Path) -> None:
    (application,) = addresses(folder, "APP")
    answer = run("code", application, "--dir", str(folder))
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert "cannot log in by totp" in answer.stderr


def test_watch_shows_what_arrives(folder: Path) -> None:
    (application,) = addresses(folder, "APP")
    owner = addresses(folder, "PER")[0]
    watching = start("watch", application, "--dir", str(folder), "--count", "1", "--json")
    assert watching.stderr is not None
    assert "Ctrl-C" in watching.stderr.readline()
    assert run("send", owner, application, "-s", "now", "--dir", str(folder),
               "--method", "cps").returncode == 0  # fmt: skip
    out, _ = watching.communicate(timeout=60)
    assert json.loads(out)["subject"] == "now"


def test_a_second_space_in_the_same_folder_is_refused_in_one_line(folder: Path) -> None:
    second = run("up", "--dir", str(folder))
    assert second.returncode == 2
    assert "runs there already" in second.stderr
    assert second.stderr.count("\n") == 1
    assert read_sheet(folder)


def test_a_second_space_on_the_same_addresses_is_refused(folder: Path, tmp_path: Path) -> None:
    second = run(*UP, "--dir", str(tmp_path))
    assert second.returncode == 2
    assert "127.204" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("send", "nobody@op001.mssante.test", "a@b.test"), "no account of this space"),
        (("inbox", "{owner}", "--method", "certificat"), "cannot log in by certificat"),
        (("inbox", "{owner}", "--design", "multi-port"), "does not run here"),
        (("inbox", "{owner}", "--holder", "1"), "not a holder"),
        (("inbox", "{owner}", "--method", "cps", "--read", "99"), "no message 99"),
        (("send", "{owner}", "a@b.test", "-s", "a\nb", "--method", "cps"), "header"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    owner = addresses(folder, "PER")[0]
    answer = run(*(each.format(owner=owner) for each in arguments), "--dir", str(folder))
    assert answer.returncode == 2, answer.stderr
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("up", "nope"), "no such file"),
        (("up", "--design", "nope"), "not known"),
        (("up", "--standard-ports", "--port-offset", "5"), "either"),
        (("up", "--operators", "99"), "allows 1 to"),
        (("inbox", "a@b.test"), "no space runs there"),
    ],
)
def test_a_wrong_start_is_refused_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    answer = run(*arguments, "--dir", str(tmp_path / "new"))
    assert answer.returncode == 2, answer.stderr
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_space_cleanly_even_with_clients_there(
    tmp_path: Path, number: signal.Signals
) -> None:
    import socket

    process = start("up", "--design", "single-endpoint", "--operators", "1", "--keys", "p256",
                    "--loopback", "205", "--dir", str(tmp_path))  # fmt: skip
    sheet = wait_for_sheet(tmp_path, process)
    endpoint = sheet["operators"][0]["designs"]["single-endpoint"][0]
    with socket.create_connection((endpoint["address"], endpoint["port"])):
        process.send_signal(number)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "curl --cacert" in out
    assert not (tmp_path / "space.json").exists()


def test_what_a_stranger_wrote_is_shown_and_not_obeyed() -> None:
    header = (
        b"From: =?utf-8?q?=1B]0;x=07?= <a@b.test>\r\n"
        b"Subject: =?utf-8?q?one=0D=0A__7_*_forged?= =?utf-8?b?wpvigK4=?= \x1b[2J\r\n\r\n"
    )
    row = shown(header)
    assert set(row) == {"date", "from", "to", "subject"}
    assert all(text.isprintable() for text in row.values())
    assert row["from"].endswith("<a@b.test>")


@pytest.mark.parametrize("value", [b"=?nonsense?q?x?=", b"=?utf-8?b?x?=", b"\xff\xfe", b""])
def test_what_cannot_be_decoded_does_not_hide_the_other_messages(value: bytes) -> None:
    assert "subject" in shown(b"Subject: " + value + b"\r\n\r\n")


def test_a_message_that_is_read_at_a_terminal_moves_no_cursor() -> None:
    content = b"Subject: x\r\n\r\n\x1b]0;title\x07\tBonjour \xc3\xa9 \xe2\x80\xae\x9b2J\r\n"
    text = harmless(content)
    assert text.splitlines()[:2] == ["Subject: x", ""]
    assert text.endswith("\n")
    assert "\tBonjour é " in text
    assert all(each.isprintable() for each in text.replace("\n", "").replace("\t", ""))
