"""What a report says, and what it never says: bad luck is not a verdict, secrets are not told."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from lxml import etree

from sandbox.conformance.bench import Bench, Shared
from sandbox.conformance.checks import CHECKS, Check
from sandbox.conformance.checks.register import refuse, smtps
from sandbox.conformance.connection import Pipe, ProbeConnection, SilentError, Transcript
from sandbox.conformance.findings import EXIT, CheckResult, Finding, Report
from sandbox.conformance.imap import ImapProbe
from sandbox.conformance.judge import judge_operator
from sandbox.conformance.reports import (
    LABELS,
    as_attestation,
    as_badge,
    as_html,
    as_json,
    as_junit,
)
from sandbox.conformance.requirements import requirements
from sandbox.conformance.software.clients import PEERS
from sandbox.conformance.subject import CheckedDoor, Means, Subject
from tests.conformance.mutants import found
from tests.conformance.world import Memory, Pki

pytestmark = pytest.mark.usefixtures("small")
FEW = ("smtp-ehlo", "imap-revision", "login-totp", "login-token", "password-refusal-code")


@dataclass
class Said:
    """A server that says one thing over and over, whatever it is told; nothing: it hangs up."""

    words: bytes

    def write(self, data: bytes) -> None:
        pass

    def read(self) -> bytes:
        return self.words

    def close(self) -> None:
        pass


@dataclass
class Deaf(Said):
    """A server that never answers."""

    def read(self) -> bytes:
        raise SilentError


@dataclass
class Drip(Said):
    """A server that says a byte every three seconds: of TLS, without an end, and of no line."""

    clock: Iterator[int] = field(default_factory=lambda: itertools.count(0, 3))

    def read(self) -> bytes:
        next(self.clock)
        first, self.words = self.words[:1], self.words[1:]
        return first or b"\0"


@dataclass
class Dribbling(Memory):
    """Where all doors drip."""

    clock: Iterator[int] = field(default_factory=lambda: itertools.count(0, 3))
    opened: int = 0

    def open(self, door: CheckedDoor, *, seconds: float = 0.0) -> Pipe:
        del door, seconds
        self.opened += 1
        return Drip(b"\x16\x03\x03\x40\x00", self.clock)


@dataclass
class Odd(Memory):
    """Where all doors open on one pipe."""

    pipe: Pipe | None = None

    def open(self, door: CheckedDoor, *, seconds: float = 0.0) -> Pipe:
        del door, seconds
        assert self.pipe is not None
        return self.pipe


def finding(result: CheckResult) -> Finding:
    return Finding(result.value, "clause", result, "pourquoi / why", ("C: x", "S: y"))


def report(*results: CheckResult) -> Report:
    return Report("op", "1", "2026-11-26T22:00:00+00:00", tuple(map(finding, results)), ())


@pytest.mark.parametrize(
    ("results", "verdict", "code"),
    [
        ((CheckResult.PASS, CheckResult.NOT_APPLICABLE), CheckResult.PASS, 0),
        ((CheckResult.PASS, CheckResult.INCONCLUSIVE, CheckResult.FAIL), CheckResult.FAIL, 1),
        ((CheckResult.PASS, CheckResult.INCONCLUSIVE), CheckResult.INCONCLUSIVE, 4),
        ((CheckResult.NOT_APPLICABLE,), CheckResult.INCONCLUSIVE, 4),
        ((), CheckResult.INCONCLUSIVE, 4),
    ],
)
def test_the_verdict_is_the_worst_and_nothing_tried_is_no_pass(
    results: tuple[CheckResult, ...], verdict: CheckResult, code: int
) -> None:
    assert report(*results).verdict is verdict
    assert EXIT[verdict] == code


def test_who_cannot_be_reached_is_neither_good_nor_bad(pki: Pki, subject: Subject) -> None:
    off = frozenset(each.name for each in (*subject.doors, subject.relay) if each)
    judged = judge_operator(subject, Memory(pki, off=off))
    assert judged.verdict is CheckResult.INCONCLUSIVE
    assert found(judged, CheckResult.FAIL) == set()
    assert found(judged, CheckResult.PASS) == set()


@pytest.mark.parametrize(
    "pipe", [Said(b""), Deaf(b""), Said(b"HTTP/1.1 400 Bad Request\r\n"), Said(b"\x00\xff" * 99)],
    ids=["hangs up", "silent", "another protocol", "noise"],
)  # fmt: skip
def test_a_session_that_is_cut_or_is_no_mail_is_no_verdict(
    pki: Pki, subject: Subject, pipe: Pipe
) -> None:
    judged = judge_operator(subject, Odd(pki, pipe=pipe))
    assert judged.verdict is CheckResult.INCONCLUSIVE
    assert found(judged, CheckResult.PASS) | found(judged, CheckResult.FAIL) == set()


def test_a_server_that_dribbles_is_waited_for_once_at_each_door(
    pki: Pki, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Dribbling(pki)
    monkeypatch.setattr("sandbox.conformance.bench.monotonic", lambda: next(lab.clock))
    judged = judge_operator(subject, lab)
    assert judged.verdict is CheckResult.INCONCLUSIVE
    assert any("trop lent / too slow" in each.why for each in judged.findings)
    # Two checks at once may meet the same door.
    assert lab.opened <= 2 * len([*subject.doors, subject.relay])


def test_one_door_that_is_shut_is_named(pki: Pki, subject: Subject) -> None:
    judged = judge_operator(subject, Memory(pki, off=frozenset({"imap.psc"})), only=FEW)
    (one,) = [each for each in judged.findings if each.id == "imap-revision"]
    assert one.result is CheckResult.INCONCLUSIVE
    assert "imap.psc" in one.why


@pytest.mark.parametrize("breaks", ["", "login-totp", "login-token"])
def test_no_report_holds_a_secret(pki: Pki, subject: Subject, breaks: str) -> None:
    judged = judge_operator(subject, Memory(pki, breaks), only=FEW)
    texts = [json.dumps(judged.as_json()), as_html(judged), as_junit(judged)]
    secrets = [way.password for each in subject.accounts for way in each.ways if way.password]
    secrets += ["token-anne", "token-bob"]
    coded = [base64.b64encode(each.encode()).decode().rstrip("=")[4:-4] for each in secrets]
    for text in texts:
        assert not [each for each in (*secrets, *coded) if each in text]


def test_a_reason_masks_a_secret_that_a_server_repeats_then_is_cut(
    pki: Pki, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(bench: Bench, _door: CheckedDoor) -> None:
        bench.plain("anne", "a-secret-of-anne")
        raise refuse("x" * 80 + " a-secret-of-anne " + "x" * 500, "repris", "repeated")

    monkeypatch.setitem(CHECKS, "smtp-quit", Check("smtp-quit", smtps, run))
    judged = judge_operator(subject, Memory(pki), only={"smtp-quit"})
    (one,) = judged.findings
    assert "a-secret" not in one.why
    assert "x *** xx" in one.why
    assert len(one.why) < 2_000


def test_json_is_the_contract(pki: Pki, subject: Subject) -> None:
    told = judge_operator(subject, Memory(pki, "smtp-ehlo"), only=FEW).as_json()
    assert list(told) == ["subject", "version", "verdict", "checks", "not_checked"]
    assert told["verdict"] == "fail"
    for each in told["checks"]:
        assert list(each) == ["id", "clause", "result", "why", "evidence"]
    asked = {each["id"] for each in (*told["checks"], *told["not_checked"])}
    assert asked == {row.id for row in requirements() if row.binds != "software"}


def test_junit_tells_failures_from_what_could_not_be_seen() -> None:
    root = etree.fromstring(as_junit(report(*CheckResult)).encode())
    (suite,) = root
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    kinds = {case.get("name"): [each.tag for each in case] for case in suite}
    assert kinds == {
        "pass": [], "fail": ["failure"], "inconclusive": ["error"], "not-applicable": ["skipped"],
    }  # fmt: skip


def test_junit_is_what_jenkins_takes(pki: Pki, subject: Subject) -> None:
    schemas = sorted((PEERS / "junit-schema").glob("*/junit-10.xsd"))
    if not schemas:
        pytest.skip("the schema of Jenkins's xUnit plugin is not there (.ci/peers-operators)")
    judged = judge_operator(subject, Memory(pki, "smtp-ehlo"), only=FEW)
    for text in (as_junit(judged), as_junit(report(*CheckResult))):
        for each in schemas:
            etree.XMLSchema(etree.parse(each)).assertValid(etree.fromstring(text.encode()))


def test_what_was_found_is_told_when_interrupted(pki: Pki, subject: Subject) -> None:
    def tell(line: str) -> None:
        if "smtp-ehlo" in line:
            raise KeyboardInterrupt

    judged = judge_operator(subject, Memory(pki), only=("tls-name", *FEW), tell=tell)
    assert not judged.whole
    assert found(judged, CheckResult.PASS) >= {"tls-name", "smtp-ehlo"}
    assert found(judged, CheckResult.INCONCLUSIVE) >= {"imap-revision", "login-token"}
    assert judged.verdict is CheckResult.INCONCLUSIVE


def test_an_attestation_says_all_that_was_and_was_not_checked(pki: Pki, subject: Subject) -> None:
    judged = judge_operator(subject, Memory(pki, "smtp-ehlo"), only=FEW)
    page = as_attestation(judged)
    for each in (*judged.findings, *judged.not_checked):
        assert f"{each.id if isinstance(each, Finding) else each[0]}<br>" in page
    assert judged.at in page
    assert f"mss-sandbox {judged.version}" in page
    assert hashlib.sha256(as_json(judged).encode()).hexdigest() in page
    assert "src=" not in page


@pytest.mark.parametrize("result", [CheckResult.PASS, CheckResult.FAIL, CheckResult.INCONCLUSIVE])
def test_a_badge_is_an_image_that_says_verdict_and_day(result: CheckResult) -> None:
    root = etree.fromstring(as_badge(report(result, CheckResult.NOT_APPLICABLE)).encode())
    told = " ".join(str(each) for each in root.itertext())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert LABELS[result].partition(" / ")[0] in told
    assert f"{int(result is CheckResult.PASS)}/1 · 2026-11-26" in told


def test_html_needs_no_other_file_and_shows_what_a_server_said_as_text(
    pki: Pki, subject: Subject
) -> None:
    judged = judge_operator(subject, Memory(pki), only=FEW)
    (first, *rest) = judged.findings
    nasty = Finding(
        first.id, first.clause, CheckResult.FAIL, "<b>", ("S: <script>alert(1)</script>",)
    )
    page = as_html(Report("op", "1", judged.at, (nasty, *rest), judged.not_checked))
    assert "<script" not in page
    assert "src=" not in page
    assert "href=" not in page


def test_findings_are_the_same_twice(pki: Pki, subject: Subject) -> None:
    first, second = (judge_operator(subject, Memory(pki), only=FEW) for _ in range(2))
    assert [(f.id, f.result) for f in first.findings] == [(f.id, f.result) for f in second.findings]


@pytest.mark.parametrize(
    ("mechanisms", "password", "chosen"),
    [(("LOGIN", "XOAUTH2"), "secret", "LOGIN"), (("PLAIN", "XOAUTH2"), "secret", "PLAIN"),
     (("LOGIN", "XOAUTH2"), "", "XOAUTH2"), (("XOAUTH2",), "secret", "XOAUTH2")],
)  # fmt: skip
def test_a_token_is_taken_where_no_password_can_be_typed(
    pki: Pki, subject: Subject, mechanisms: tuple[str, ...], password: str, chosen: str
) -> None:
    door = replace(subject.doors[0], mechanisms=mechanisms)
    way = Means(method="ecps", username="anne", password=password, person="anne")
    assert Bench(subject, Memory(pki), Shared(), 1.0).way_in(door, way)[0] == chosen


@dataclass
class Listed(Said):
    """A server that gives one answer after the other, and keeps what it hears."""

    answers: list[bytes]
    heard: bytes = b""

    def write(self, data: bytes) -> None:
        self.heard += data

    def read(self) -> bytes:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("user", "password", "said", "answers"),
    [
        ("anne", 'a"b', b'c1 LOGIN "anne" "a\\"b"\r\n', []),
        ("anne", "été", b'c1 LOGIN "anne" {5}\r\n\xc3\xa9t\xc3\xa9\r\n', [b"+ go\r\n"]),
        ("é", "b", b'c1 LOGIN {2}\r\n\xc3\xa9 "b"\r\n', [b"+ go\r\n"]),
        ("é", "à", b"c1 LOGIN {2}\r\n\xc3\xa9 {2}\r\n\xc3\xa0\r\n", [b"+ go\r\n"] * 2),
    ],
)
def test_what_is_not_ascii_is_a_literal_of_login(
    user: str, password: str, said: bytes, answers: list[bytes]
) -> None:
    pipe = Listed(b"", [*answers, b"c1 OK in\r\n"])
    transcript = Transcript()
    probe = ImapProbe(ProbeConnection(pipe, transcript))
    assert probe.auth("LOGIN", f"\0{user}\0{password}".encode()).kind == "OK"
    assert pipe.heard == said
    assert not any(password in line for line in transcript.evidence)
