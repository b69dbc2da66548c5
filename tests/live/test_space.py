"""A running space: what the sheet says is true, mail flows, a restart loses nothing."""

from __future__ import annotations

import imaplib
import json
import shlex
import shutil
import smtplib
import socket
import ssl
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import httpx
import jsonschema
import pytest

import sandbox
from sandbox.directory import Bearer, BoxState, BoxType, Feeder
from sandbox.live import live
from sandbox.live.connection_sheet import connection_sheet
from sandbox.live.mailer import MailError, choose, open_imap, open_smtp
from sandbox.live.sheet_file import read_sheet
from sandbox.live.space import LiveSpace
from sandbox.observations.observations import TABLES
from sandbox.operators.listener import MailDoor
from sandbox.operators.recorder import Recorder
from sandbox.space.errors import UserError
from sandbox.trust import ListKeeper, ListPolicy, load_bundle
from sandbox.trust.dn import dn_of

SCHEMA = json.loads(
    (Path(sandbox.__file__).parent / "live" / "space.schema.json").read_text("utf-8")
)
Tree = dict[str, Any]


def quiet(_: str) -> None:
    """Nobody reads what a person would have to do."""


def message(sender: str, recipient: str, subject: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, recipient, subject
    made.set_content("Bonjour\n")
    return made


def deliver(sheet: Tree, sender: str, recipient: str, subject: str, method: str = "") -> None:
    with open_smtp(choose(sheet, sender, "smtp", method=method), quiet) as smtp:
        smtp.send_message(message(sender, recipient, subject))


def subjects(imap: imaplib.IMAP4) -> list[str]:
    imap.select("INBOX", readonly=True)
    _, found = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    lines = [part[1].decode() for part in found if isinstance(part, tuple)]
    return [line.partition(":")[2].strip() for line in lines]


def wait_for(imap: imaplib.IMAP4, subject: str) -> None:
    """Read until a message is there; pytest's time-out is the end of patience."""
    while subject not in subjects(imap):
        imap.noop()


def account(sheet: Tree, kind: str, operator: int = 0) -> str:
    name = sheet["operators"][operator]["name"]
    return next(
        each["address"]
        for each in sheet["accounts"]
        if each["type"] == kind and each["operator"] == name
    )


# The sheet ------------------------------------------------------------------------------------


def test_the_sheet_follows_its_schema(mss_space: LiveSpace) -> None:
    written = json.loads(mss_space.folder.sheet.read_bytes())
    assert written == mss_space.sheet
    jsonschema.validate(written, SCHEMA, format_checker=jsonschema.FormatChecker())


def test_the_sheet_is_its_owner_s_only(mss_space: LiveSpace) -> None:
    assert mss_space.folder.sheet.stat().st_mode & 0o077 == 0


def test_every_path_of_the_sheet_is_there(mss_space: LiveSpace) -> None:
    def paths(node: Any) -> list[str]:
        if isinstance(node, dict):
            return [path for each in node.values() for path in paths(each)]
        if isinstance(node, list):
            return [path for each in node for path in paths(each)]
        return [node] if isinstance(node, str) and node.startswith("/") else []

    found = paths(mss_space.sheet)
    assert found
    assert all(Path(path).exists() for path in found)


def test_every_endpoint_accepts_connections_under_its_name_and_its_address(
    mss_space: LiveSpace,
) -> None:
    sheet = mss_space.sheet
    context = ssl.create_default_context(cafile=sheet["ca"]["bundle"])
    for operator in sheet["operators"]:
        for endpoints in operator["designs"].values():
            for each in endpoints:
                if each["tls"] != "implicit":
                    with socket.create_connection((each["address"], each["port"])) as plain:
                        assert plain.recv(3) in (b"* O", b"220")
                    continue
                for name in (each["host"], each["address"]):
                    with (
                        socket.create_connection((each["address"], each["port"])) as plain,
                        context.wrap_socket(plain, server_hostname=name) as secured,
                    ):
                        assert secured.recv(1)


def test_tickets_live_as_long_as_the_sheet_says(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    operator = sheet["operators"][0]
    (at,) = (e for e in operator["designs"]["single-endpoint"] if e["protocol"] == "imap")
    context = ssl.create_default_context(cafile=sheet["ca"]["bundle"])
    with (
        socket.create_connection((at["address"], at["port"])) as plain,
        context.wrap_socket(plain, server_hostname=at["host"]) as secured,
    ):
        secured.recv(1)  # tickets of TLS 1.3 come with what follows
        assert secured.session is not None
        said = operator["policies"]["single-endpoint"]["ticket_seconds"]
        assert secured.session.ticket_lifetime_hint == said


def test_names_resolve_to_the_addresses_of_the_sheet(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    hosts = Path(sheet["hosts_file"]).read_text("ascii")
    for operator in sheet["operators"]:
        for endpoints in operator["designs"].values():
            for each in endpoints:
                query = dns.message.make_query(each["host"], dns.rdatatype.A)
                answer = dns.query.udp(
                    query, sheet["dns"]["address"], port=sheet["dns"]["port"], timeout=5
                )
                assert answer.answer[0][0].to_text() == each["address"]
                assert f"{each['address']}\t" in hosts
                assert each["host"] in hosts


def test_shared_services_answer_where_the_sheet_says(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    context = ssl.create_default_context(cafile=sheet["ca"]["bundle"])
    urls = [
        f"{sheet['ca']['files']}/CRL/ACI-EL-ORG-TEST.crl",
        sheet["list"]["url"],
        f"{sheet['directory']['fhir']}/metadata",
        sheet["psc"]["discovery"],
        sheet["psc"]["phones"],
        *(operator["enrolment"] for operator in sheet["operators"]),
        *(operator["sms"] for operator in sheet["operators"]),
        *(url for operator in sheet["operators"] for url in operator["autoconfig"].values()),
    ]
    with httpx.Client(verify=context, trust_env=False, timeout=10, follow_redirects=True) as http:
        for url in urls:
            assert http.get(url).status_code == 200, url
        http.cookies.clear()  # those that the pages' own addresses gave
        people = f"{sheet['psc']['control']}/people"
        assert http.get(people).status_code == 401
        held = {"Authorization": f"Bearer {sheet['psc']['control_secret']}"}
        assert http.get(people, headers=held).status_code == 200


def test_the_list_names_the_certificate_of_each_relay(mss_space: LiveSpace) -> None:
    from cryptography import x509

    sheet = mss_space.sheet
    bundle = Path(sheet["ca"]["bundle"])
    context = ssl.create_default_context(cafile=bundle)
    with httpx.Client(verify=context, trust_env=False, timeout=10) as http:
        data = http.get(sheet["list"]["url"]).content
    now = mss_space.keys.ca.clock()
    keeper = ListKeeper(ListPolicy(bundle=load_bundle(bundle.read_bytes())))
    listed = keeper.offer(data, now).domains
    for operator in sheet["operators"]:
        path = mss_space.keys.folder / operator["name"] / "relay" / "cert.pem"
        name = dn_of(x509.load_pem_x509_certificate(path.read_bytes()))
        assert listed.authorises(operator["domain"], name)


# Mail -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["totp", "ecps", "cps"])
def test_a_message_goes_from_one_operator_to_the_other(mss_space: LiveSpace, method: str) -> None:
    sheet = mss_space.sheet
    sender, recipient = account(sheet, "PER"), account(sheet, "PER", 1)
    deliver(sheet, sender, recipient, f"relay {method}", method)
    with open_imap(choose(sheet, recipient, "imap", method=method), quiet) as imap:
        wait_for(imap, f"relay {method}")


@pytest.mark.parametrize("design", ["single-endpoint", "api-lps-2023"])
def test_a_telephone_still_opens_mailboxes_after_the_clock_was_moved(
    mss_space: LiveSpace, design: str
) -> None:
    sheet = mss_space.sheet
    people = [
        each["address"]
        for each in sheet["accounts"]
        if each["type"] == "PER" and "ecps" in each["holders"][0]["methods"]
    ]
    mss_space.psc.advance(35)
    # Somebody whose approval is not kept: the telephone rings.
    way = choose(sheet, people[-1], "imap", method="ecps", design=design)
    with open_imap(way, quiet) as imap:
        assert imap.noop()[0] == "OK"


def test_an_application_logs_in_by_its_certificate(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    sender, recipient = account(sheet, "APP"), account(sheet, "APP", 1)
    deliver(sheet, sender, recipient, "results")
    with open_imap(choose(sheet, recipient, "imap"), quiet) as imap:
        wait_for(imap, "results")


def test_two_holders_read_one_shared_mailbox_each_as_himself(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    shared = account(sheet, "ORG")
    deliver(sheet, account(sheet, "PER"), shared, "shared", "cps")
    found = next(each for each in sheet["accounts"] if each["address"] == shared)
    for holder in found["holders"]:
        way = choose(sheet, shared, "imap", method="totp", holder=holder["identity"])
        with open_imap(way, quiet) as imap:
            wait_for(imap, "shared")
    logins = [
        each["identity"]
        for each in mss_space.operators[found["operator"]].journal.since()
        if each["event"] == "login" and each.get("mailbox") == shared
    ]
    assert {holder["identity"] for holder in found["holders"]} <= set(logins)


def test_the_same_mailbox_is_behind_every_design(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    owner = account(sheet, "PER")
    deliver(sheet, account(sheet, "APP"), owner, "everywhere")
    for design in sheet["operators"][0]["designs"]:
        with open_imap(choose(sheet, owner, "imap", method="cps", design=design), quiet) as imap:
            wait_for(imap, "everywhere")


def test_a_revoked_card_opens_nothing_more(mss_space: LiveSpace) -> None:
    from cryptography import x509

    sheet = mss_space.sheet
    owner = [e["address"] for e in sheet["accounts"] if e["type"] == "PER"][2]
    way = choose(sheet, owner, "smtp", method="cps")
    card = x509.load_pem_x509_certificate(Path(way.secrets["certificate"]).read_bytes())
    open_smtp(way, quiet).close()  # found good a moment before
    mss_space.keys.ca.revoke(card, "certificate-hold")
    try:
        with pytest.raises(MailError):
            open_smtp(way, quiet)
    finally:
        mss_space.keys.ca.release(card)


def test_a_domain_off_the_list_gets_no_mail(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    with (
        open_smtp(choose(sheet, account(sheet, "APP"), "smtp"), quiet) as smtp,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        smtp.send_message(message(account(sheet, "APP"), "a@elsewhere.mssante.test", "no"))


def test_a_mailbox_fed_to_the_directory_is_opened_while_the_space_runs(
    mss_space: LiveSpace,
) -> None:
    sheet = mss_space.sheet
    operator = sheet["operators"][0]
    address = f"nouveau@{operator['domain']}"
    shared = mss_space.directory.mailbox(account(sheet, "ORG"))
    assert shared is not None
    Feeder(mss_space.directory).insert(
        Bearer.of(shared), BoxState(address=address, type=BoxType.ORG.value)
    )
    with open_smtp(choose(sheet, account(sheet, "APP"), "smtp"), quiet) as smtp:
        while smtp.mail(account(sheet, "APP"))[0] == 250 and smtp.rcpt(address)[0] != 250:
            smtp.rset()
            time.sleep(0.1)


def test_a_mailbox_deleted_from_the_directory_takes_no_more_mail(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    address = f"ephemere@{sheet['operators'][0]['domain']}"
    shared = mss_space.directory.mailbox(account(sheet, "ORG"))
    assert shared is not None
    feeder = Feeder(mss_space.directory)
    feeder.insert(Bearer.of(shared), BoxState(address=address, type=BoxType.ORG.value))
    with open_smtp(choose(sheet, account(sheet, "APP"), "smtp"), quiet) as smtp:
        while smtp.mail(account(sheet, "APP"))[0] == 250 and smtp.rcpt(address)[0] != 250:
            smtp.rset()
            time.sleep(0.1)
        feeder.delete(address)
        assert smtp.rcpt(address)[0] == 550


def test_every_domain_has_a_postmaster(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    sender = account(sheet, "APP")
    for operator in sheet["operators"]:
        deliver(sheet, sender, f"postmaster@{operator['domain']}", "question")


def test_what_the_servers_saw_has_the_tables_of_a_simulated_run(mss_space: LiveSpace) -> None:
    deliver(mss_space.sheet, account(mss_space.sheet, "APP"), account(mss_space.sheet, "PER"), "s")
    seen = mss_space.observations("single-endpoint").tables["sessions"]
    assert set(seen.columns) == set(TABLES["sessions"])
    assert len(seen)


# Start and stop -------------------------------------------------------------------------------


def test_no_connection_comes_before_the_recorder_knows_its_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Relays with mail from before a restart connect at once."""
    watched: dict[str, bool] = {}
    watch = Recorder.watch

    def looked_at(recorder: Recorder, door: MailDoor) -> None:
        with socket.socket() as probe:
            where = f"{door.host}:{door.port}"
            watched[where] = probe.connect_ex((door.host, door.port)) == 0
        watch(recorder, door)

    monkeypatch.setattr(Recorder, "watch", looked_at)
    with live("demo", designs=("single-endpoint",), operators=2) as space:
        doors = [each for operator in space.operators.values() for each in operator.doors]
        assert watched == {f"{each.host}:{each.port}": False for each in doors}


def test_a_restart_keeps_mail_accounts_and_used_codes(tmp_path: Path) -> None:
    with live("demo", designs=("single-endpoint",), operators=1, keys="p-256", dir=tmp_path,
              block=201) as space:  # fmt: skip
        first = space.sheet
        assert read_sheet(tmp_path) == first
        owner = account(first, "PER")
        deliver(first, account(first, "APP"), owner, "kept")
    with pytest.raises(UserError, match="no space runs there"):
        read_sheet(tmp_path)
    with live("demo", designs=("single-endpoint",), operators=1, dir=tmp_path) as space:
        assert space.sheet["accounts"] == first["accounts"]
        assert space.sheet["operators"] == first["operators"]
        with open_imap(choose(space.sheet, owner, "imap", method="cps"), quiet) as imap:
            assert subjects(imap) == ["kept"]


def test_pro_sante_connect_falls_silent_when_the_scenario_says_and_comes_back(
    tmp_path: Path,
) -> None:
    text = (Path("scenarios") / "panne-psc.toml").read_text("utf-8")
    scenario = tmp_path / "panne.toml"
    scenario.write_text(f"{text}\n[backends.psc]\ntimeout = 1\n", "utf-8")
    with live(
        str(scenario), designs=("single-endpoint",), operators=1, outage_now=True
    ) as space:  # fmt: skip
        sheet = space.sheet
        assert len(sheet["psc"]["outages"]) == 1
        way = choose(sheet, account(sheet, "PER"), "imap", method="ecps")
        with pytest.raises(MailError, match="UNAVAILABLE"):
            open_imap(way, quiet)
        # The sandbox's own pages answer: the clock can be moved past the outage.
        space.psc.advance(3_601)
        with open_imap(way, quiet) as imap:
            assert imap.noop()[0] == "OK"


def test_operators_are_pinged_where_the_scenario_says_so(tmp_path: Path) -> None:
    text = (Path("scenarios") / "demo.toml").read_text("utf-8")
    scenario = tmp_path / "pinged.toml"
    # Who polled would ask after a minute for the first time.
    pace = '[policies]\nciba_mode = "ping"\nciba_interval = 60\n'
    scenario.write_text(f"{text}\n{pace}", "utf-8")
    with live(str(scenario), designs=("single-endpoint",), operators=1) as space:
        way = choose(space.sheet, account(space.sheet, "PER"), "imap", method="ecps")
        with open_imap(way, quiet) as imap:
            assert imap.noop()[0] == "OK"
        (request,) = space.psc.provider.requests.of()
        assert (request.mode, request.polls) == ("ping", 1)


def test_a_space_that_is_ready_has_its_authority_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first card after a restart waits for no key of the OCSP signers."""

    def too_late(_: bytes) -> None:
        raise AssertionError("a key is read while a client waits")

    space = {"designs": ("single-endpoint",), "operators": 1, "dir": tmp_path}
    with live("demo", keys="p-256", block=203, **space):
        pass
    with live("demo", **space) as again, monkeypatch.context() as patched:
        patched.setattr("sandbox.trust.authorities.load_key", too_late)
        way = choose(again.sheet, account(again.sheet, "PER"), "imap", method="cps")
        with open_imap(way, quiet) as imap:
            assert imap.noop()[0] == "OK"


def test_a_start_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    busy = socket.create_server(("127.202.1.250", 10_025))
    with busy, pytest.raises(UserError, match="already in use"), live(
        "demo", designs=("single-endpoint",), operators=1, keys="p-256", dir=tmp_path, block=202
    ):  # fmt: skip
        pass
    assert not (tmp_path / "space.json").exists()
    with live("demo", designs=("single-endpoint",), operators=1, dir=tmp_path):
        pass


def test_an_unknown_member_is_refused() -> None:
    with pytest.raises(UserError, match=r"colour: .*unknown"):
        sandbox.live("demo", colour="blue")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_on_the_connection_sheet_works_as_it_is(mss_space: LiveSpace) -> None:
    text = connection_sheet(mss_space.sheet, mss_space.folder.sheet)
    (line,) = [each.strip() for each in text.splitlines() if each.strip().startswith("curl ")]
    answer = subprocess.run(
        [*shlex.split(line), "--silent", "--show-error"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "INBOX" in answer.stdout


def test_the_connection_sheet_has_one_design_and_one_account_for_each_method(
    mss_space: LiveSpace,
) -> None:
    sheet = mss_space.sheet
    text = connection_sheet(sheet, mss_space.folder.sheet)
    first, *others = sheet["operators"][0]["designs"]
    assert first in text
    assert not any(other in text for other in others)
    methods = {m for a in sheet["accounts"] for h in a["holders"] for m in h["methods"]}
    lines = text.splitlines()
    assert all(sum(line.startswith(f"{m} ") for line in lines) == 1 for m in methods)
    assert len(lines) < 30


def test_the_whole_connection_sheet_names_every_endpoint_and_account(mss_space: LiveSpace) -> None:
    text = connection_sheet(mss_space.sheet, mss_space.folder.sheet, everything=True)
    for operator in mss_space.sheet["operators"]:
        for endpoints in operator["designs"].values():
            for each in endpoints:
                assert f"{each['host']}:{each['port']}" in text
    for each in mss_space.sheet["accounts"]:
        assert each["address"] in text
