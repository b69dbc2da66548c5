"""The zone of a small space, asked by dig and by hostile bytes; faults set while it runs."""

import asyncio
import socket
import struct
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.serve import running
from sandbox.space.errors import UserError
from sandbox.trust import Host, MailDomain, SrvRecord, ZoneSpec
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.resolver import DNS_FAULTS, DnsFault, Resolver
from sandbox.trust.zone import hosts_lines
from sandbox.trust.zone_file import faults_reader, load_zone

from .conftest import run

HOSTS = (
    Host("mx1.op1.mssante.test", ("127.0.0.11", "127.0.0.12")),
    Host("imap.op1.mssante.test", ("127.0.0.13",)),
    Host("smtp.op1.mssante.test", ("127.0.0.13",)),
)
ZONE = ZoneSpec(
    hosts=HOSTS,
    domains=(
        MailDomain(
            name="op1.mssante.test",
            relays=((10, "mx1.op1.mssante.test"), (20, "mx2.elsewhere.mssante.test")),
            services=(
                SrvRecord(label="imaps", target="imap.op1.mssante.test", port=993),
                SrvRecord(label="submission", target="smtp.op1.mssante.test", port=587, weight=5),
                SrvRecord(label="imap", target=".", port=0),
                SrvRecord(label="psc._imap", target="imap.op1.mssante.test", port=143),
            ),
            texts=("v=spf1 mx -all", "x" * 300),
        ),
    ),
    ttl=120,
)


@pytest.fixture(scope="module")
def server():
    made = DnsServer(resolver=Resolver(ZONE))
    with running(made):
        yield made


@pytest.fixture
def dig(tool, server):
    path = tool("dig")

    def ask(*arguments):
        _, out = run(path, "@127.0.0.1", "-p", server.port, "+time=1", "+tries=1", *arguments)
        return out

    return ask


@pytest.fixture
def faults(server):
    yield server.resolver.set_faults
    server.resolver.set_faults(())


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("mx1.op1.mssante.test", "A"), ["127.0.0.11", "127.0.0.12"]),
        (
            ("op1.mssante.test", "MX"),
            ["10 mx1.op1.mssante.test.", "20 mx2.elsewhere.mssante.test."],
        ),
        (("_imaps._tcp.op1.mssante.test", "SRV"), ["0 1 993 imap.op1.mssante.test."]),
        (("_submission._tcp.op1.mssante.test", "SRV"), ["0 5 587 smtp.op1.mssante.test."]),
        (("_imap._tcp.op1.mssante.test", "SRV"), ["0 1 0 ."]),
        (("_psc._imap._tcp.op1.mssante.test", "SRV"), ["0 1 143 imap.op1.mssante.test."]),
        (("mssante.test", "NS"), ["ns.mssante.test."]),
        (("op1.mssante.test", "AAAA"), []),
    ],
)
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_reads_the_zone_over_udp_and_tcp(dig, transport, arguments, lines):
    assert sorted(dig("+short", transport, *arguments).split("\n")[:-1]) == lines


def test_dig_reads_texts_of_any_length(dig):
    out = dig("+short", "op1.mssante.test", "TXT")
    assert '"v=spf1 mx -all"' in out
    assert f'"{"x" * 255}" "{"x" * 45}"' in out


@pytest.mark.parametrize(
    ("arguments", "status", "flags"),
    [
        (("none.op1.mssante.test", "A"), "NXDOMAIN", "aa"),
        (("_tcp.op1.mssante.test", "A"), "NOERROR", "aa"),  # RFC 8020: names exist below it
        (("op1.mssante.test", "A"), "NOERROR", "aa"),
        (("example.org", "A"), "REFUSED", None),
        (("mssante.test", "AXFR"), "REFUSED", None),
        (("op1.mssante.test", "ANY"), "NOERROR", "aa"),
    ],
)
def test_a_question_without_an_answer_gets_the_right_code(dig, arguments, status, flags):
    out = dig("+tcp", "+norec", *arguments)
    if arguments[1] == "AXFR":
        assert "Transfer failed" in out
        return
    assert f"status: {status}" in out
    assert (flags is None) == (" aa" not in out.split("flags:")[1].split(";")[0])


@pytest.mark.parametrize("name", ["none.op1.mssante.test", "op1.mssante.test"])
def test_a_negative_answer_carries_the_soa(dig, name):
    out = dig(name, "A")
    assert "AUTHORITY SECTION" in out
    assert "hostmaster.mssante.test." in out


def test_targets_come_with_their_addresses(dig):
    out = dig("op1.mssante.test", "MX")
    assert out.split("ADDITIONAL SECTION")[1].count("mx1.op1.mssante.test.") == 2


def query(name="op1.mssante.test", kind="TXT", **options):
    return dns.message.make_query(name, kind, **options)


def test_an_answer_too_large_for_udp_is_truncated_and_whole_over_tcp(server):
    big = ZoneSpec(hosts=(Host("many.mssante.test", tuple(f"127.0.1.{n}" for n in range(1, 120))),))
    resolver = Resolver(big)
    asked = query("many.mssante.test", "A", use_edns=False).to_wire()
    short = resolver.answer(asked, "udp").data
    assert len(short) <= 512
    assert dns.message.from_wire(short).flags & dns.flags.TC
    whole = dns.message.from_wire(resolver.answer(asked, "tcp").data)
    assert len(whole.answer[0]) == 119


def test_edns_raises_the_udp_limit_up_to_1232():
    resolver = Resolver(ZONE)
    asked = query(use_edns=0, payload=4096).to_wire()
    answer = resolver.answer(asked, "udp").data
    assert 300 < len(answer) <= 1232
    assert not dns.message.from_wire(answer).flags & dns.flags.TC


def test_the_case_of_the_question_is_kept():
    asked = query("OP1.MssAnte.test", "MX")
    answer = dns.message.from_wire(Resolver(ZONE).answer(asked.to_wire(), "udp").data)
    assert answer.answer[0].name.to_text() == "OP1.MssAnte.test."


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda q: q.set_opcode(5), dns.rcode.NOTIMP),
        (lambda q: q.question.clear(), dns.rcode.FORMERR),
        (lambda q: q.use_edns(edns=1), dns.rcode.BADVERS),
    ],
)
def test_a_query_of_another_kind_gets_a_protocol_error(build, code):
    asked = query()
    build(asked)
    answer = dns.message.from_wire(Resolver(ZONE).answer(asked.to_wire(), "udp").data)
    assert answer.rcode() == code


@given(st.binary(max_size=600))
def test_any_bytes_get_an_error_or_silence(data):
    reply = Resolver(ZONE).answer(data, "udp")
    if reply.data is not None:
        assert reply.data[:2] == data[:2]
        assert reply.data[2] & 0x80


@given(st.data())
def test_a_damaged_query_never_breaks_the_server(data):
    asked = bytearray(query().to_wire())
    asked[data.draw(st.integers(0, len(asked) - 1))] = data.draw(st.integers(0, 255))
    for transport in ("udp", "tcp"):
        reply = Resolver(ZONE).answer(bytes(asked), transport)
        assert reply.data is None or reply.data[2] & 0x80


def test_a_response_is_met_with_silence():
    answer = Resolver(ZONE).answer(query().to_wire(), "udp").data
    assert Resolver(ZONE).answer(answer, "udp").data is None


# Faults


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("servfail", "status: SERVFAIL"),
        ("refused", "status: REFUSED"),
        ("nxdomain", "status: NXDOMAIN"),
        ("timeout", "timed out"),
        ("slow", "timed out"),
        ("wrong-address", "127.255.255.254"),
        ("low-ttl", "\t0\tIN\tA"),
        ("truncated", "Truncated, retrying in TCP"),
    ],
)
def test_dig_sees_each_fault_and_its_end(dig, faults, kind, seen):
    faults([DnsFault(kind=kind, name="mx1.op1.mssante.test")])
    assert seen in dig("mx1.op1.mssante.test", "A")
    faults([])
    assert "\t120\tIN\tA\t127.0.0.11" in dig("mx1.op1.mssante.test", "A")


def test_every_fault_is_seen_by_dig_above():
    marks = test_dig_sees_each_fault_and_its_end.pytestmark[0].args[1]
    assert {kind for kind, _ in marks} == set(DNS_FAULTS)


def test_a_fault_can_strike_the_third_question_only():
    resolver = Resolver(ZONE)
    resolver.set_faults([DnsFault(kind="servfail", skip=2, times=1)])
    asked = query("op1.mssante.test", "MX").to_wire()
    seen = [
        dns.message.from_wire(resolver.answer(asked, "udp").data).rcode() == dns.rcode.SERVFAIL
        for _ in range(5)
    ]
    assert seen == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("name", "kind", "struck"),
    [
        ("op1.mssante.test", "MX", True),
        ("op1.mssante.test", "TXT", False),
        ("_imaps._tcp.op1.mssante.test", "MX", True),
        ("mssante.test", "MX", False),
    ],
)
def test_a_fault_strikes_its_name_those_below_and_its_type(name, kind, struck):
    resolver = Resolver(ZONE)
    resolver.set_faults([DnsFault(kind="servfail", name="op1.mssante.test", record="MX")])
    answer = dns.message.from_wire(resolver.answer(query(name, kind).to_wire(), "udp").data)
    assert (answer.rcode() == dns.rcode.SERVFAIL) is struck


def test_a_wrong_address_also_misleads_through_additional_records():
    resolver = Resolver(ZONE)
    resolver.set_faults([DnsFault(kind="wrong-address", address="127.9.9.9")])
    answer = dns.message.from_wire(resolver.answer(query(kind="MX").to_wire(), "udp").data)
    assert [r.to_text() for s in answer.additional for r in s] == ["127.9.9.9"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "none"},
        {"kind": "servfail", "record": "NOTATYPE"},
        {"kind": "wrong-address", "address": "192.0.2.1"},
        {"kind": "wrong-address", "address": "x"},
        {"kind": "slow", "delay": -1},
        {"kind": "servfail", "name": "a..b"},
    ],
)
def test_a_fault_that_cannot_be_is_refused(wrong):
    with pytest.raises(UserError):
        DnsFault(**wrong)


def test_a_file_of_faults_is_read_again_when_it_changes(tmp_path):
    path, complaints = tmp_path / "faults.toml", []
    resolver = Resolver(ZONE)
    refresh = faults_reader(path, resolver, complaints.append)
    refresh()
    assert resolver.faults == ()
    path.write_text('[[faults]]\nkind = "servfail"\nname = "op1.mssante.test"\n')
    refresh()
    assert [fault.kind for fault in resolver.faults] == ["servfail"]
    path.write_text('[[faults]]\nkind = "nonsense"\n')
    refresh()
    refresh()
    assert len(complaints) == 1
    assert [fault.kind for fault in resolver.faults] == ["servfail"]
    path.unlink()
    refresh()
    assert resolver.faults == ()


# Sockets


def test_tcp_serves_several_queries_in_pieces(server):
    data = query("mx1.op1.mssante.test", "A").to_wire()
    framed = struct.pack("!H", len(data)) + data
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        for byte in framed + framed:
            client.sendall(bytes([byte]))
        client.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    assert received.count(bytes([127, 0, 0, 11])) == 2


def test_a_slow_answer_holds_no_other(server, faults):
    faults([DnsFault(kind="slow", name="mx1.op1.mssante.test", delay=0.4)])
    start = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(query("mx1.op1.mssante.test", "A").to_wire(), ("127.0.0.1", server.port))
        dns.query.udp(query(kind="MX"), "127.0.0.1", port=server.port, timeout=5)
        quick = time.monotonic() - start
        client.recv(4096)
    assert quick < 0.4 <= time.monotonic() - start


def test_a_given_port_that_is_taken_on_udp_is_an_error():
    async def scenario():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            second = DnsServer(resolver=Resolver(ZONE), port=taken.getsockname()[1])
            with pytest.raises(UserError, match="in use"):
                await second.start()
            await second.stop()

    asyncio.run(scenario())


# Zones that cannot be


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        (ZoneSpec(hosts=(Host("a.example.org", ("127.0.0.1",)),)), "outside the zone"),
        (ZoneSpec(hosts=(Host("a.mssante.test", ("8.8.8.8",)),)), r"127\.0\.0\.0/8"),
        (ZoneSpec(hosts=(Host("a.mssante.test", ("::1",)),)), r"127\.0\.0\.0/8"),
        (ZoneSpec(hosts=(Host("a..mssante.test", ("127.0.0.1",)),)), "not a DNS name"),
        (
            ZoneSpec(
                domains=(
                    MailDomain(
                        name="a.mssante.test",
                        services=(SrvRecord(label="imaps", target="b.mssante.test", port=70000),),
                    ),
                )
            ),
            "SRV",
        ),
    ],
)
def test_a_zone_that_cannot_be_says_why(zone, message):
    with pytest.raises(UserError, match=message):
        _ = zone.records


def test_a_hosts_file_has_a_line_for_each_address():
    assert hosts_lines(HOSTS) == [
        "127.0.0.11\tmx1.op1.mssante.test",
        "127.0.0.12\tmx1.op1.mssante.test",
        "127.0.0.13\timap.op1.mssante.test smtp.op1.mssante.test",
    ]


def test_a_zone_file_is_read(tmp_path):
    path = tmp_path / "zone.toml"
    path.write_text(
        'suffix = "mssante.test"\nttl = 60\n[hosts]\n"a.mssante.test" = ["127.0.0.2"]\n'
        '[[domains]]\nname = "mssante.test"\nrelays = [[10, "a.mssante.test"]]\n'
        'services = [{ label = "imaps", target = "a.mssante.test", port = 993 }]\n'
    )
    zone = load_zone(path)
    assert zone.hosts == (Host("a.mssante.test", ("127.0.0.2",)),)
    assert zone.domains[0].services[0].port == 993


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "unknown = 1",
        "[[domains]]\nrelays = []",
        '[[domains]]\nname = "a.mssante.test"\nother = 1',
        '[hosts]\n"a.mssante.test" = ["10.0.0.1"]',
        "hosts = 1",
        '[[domains]]\nname = "a.mssante.test"\nrelays = [["x", "y"]]',
    ],
)
def test_a_zone_file_that_is_wrong_names_itself_or_its_host(tmp_path, text):
    path = tmp_path / "zone.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"zone\.toml|a\.mssante\.test"):
        load_zone(path)
