"""Revocation over HTTP: OCSP, then CRL, bounded in time and trust; doubt is no."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography import x509

from sandbox.operators.auth.revocation import (
    Revocation,
    RevocationPolicy,
    _crl_urls,
    _first,
    _ocsp_url,
    _Told,
)
from sandbox.serve import HttpServer, running
from sandbox.serve.plain import Handler, Request, Response, plain_app
from sandbox.space.errors import UserError
from sandbox.trust import (
    Card,
    KeyKind,
    Professional,
    RevocationStatus,
    TestCA,
    Urls,
    load_bundle,
    make_bad,
)
from sandbox.trust.service import PkiFaults, files_handler, ocsp_handler


class Clock:
    """The real clock, and what a test adds: the responder dates its answers by it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


PERSON = Professional(
    national_id="899999999990", profession="Médecin", profession_code=10, surname="DURAND",
    given_name="Anne",
)  # fmt: skip
GOOD, REVOKED, UNKNOWN = RevocationStatus.GOOD, RevocationStatus.REVOKED, RevocationStatus.UNKNOWN
OCSP_ONLY = RevocationPolicy(crl=False, cache_seconds=0, timeout=1)
BOTH = RevocationPolicy(cache_seconds=0, timeout=30)
CACHED = RevocationPolicy(cache_seconds=10)


@dataclass
class Pki:
    ca: TestCA
    faults: PkiFaults
    asked: list[str]

    def card(self) -> Card:
        return self.ca.cps(PERSON)

    def bundle(self) -> tuple[x509.Certificate, ...]:
        return load_bundle(self.ca.bundle_pem())


def counted(handler: Handler, asked: list[str], what: str) -> Handler:
    def handle(request: Request) -> Response:
        asked.append(what)
        return handler(request)

    return handle


@pytest.fixture(scope="module")
def served() -> Iterator[Pki]:
    asked: list[str] = []
    # Ports are known once the servers listen; the handlers are set after.
    handlers: dict[str, Handler] = {}
    files, ocsp = (
        HttpServer(app=plain_app(lambda request: handlers["files"](request))),
        HttpServer(app=plain_app(lambda request: handlers["ocsp"](request))),
    )
    with running(files, ocsp):
        urls = Urls(files=f"http://127.0.0.1:{files.port}", ocsp=f"http://127.0.0.1:{ocsp.port}")
        ca, faults = TestCA(key_kind=KeyKind.P256, urls=urls), PkiFaults(delay=5)
        handlers["files"] = counted(files_handler(ca, faults), asked, "crl")
        handlers["ocsp"] = counted(ocsp_handler(ca, faults), asked, "ocsp")
        yield Pki(ca, faults, asked)


@pytest.fixture
def pki(served: Pki) -> Iterator[Pki]:
    served.asked.clear()
    yield served
    served.faults.ocsp = served.faults.crl = ""


def ask(
    pki: Pki,
    *certificates: x509.Certificate,
    policy: RevocationPolicy = OCSP_ONLY,
    clock: Clock | None = None,
    wait: float = 0,
) -> list[RevocationStatus]:
    clock = clock or Clock()

    async def work() -> list[RevocationStatus]:
        revocation = Revocation(pki.bundle(), policy, clock)
        try:
            answers = []
            for each in certificates:
                answers.append(await revocation(each))
                clock.ahead += wait
            return answers
        finally:
            await revocation.close()

    return asyncio.run(work())


def test_the_responder_says_good_or_revoked(pki: Pki) -> None:
    good, bad = pki.card().auth, pki.card().auth
    pki.ca.revoke(bad, "key-compromise")
    assert ask(pki, good.certificate, bad.certificate) == [GOOD, REVOKED]
    assert pki.asked == ["ocsp", "ocsp"]


@pytest.mark.parametrize(
    "fault", ["unsigned", "wrong-signer", "wrong-nonce", "stale", "garbage", "unreachable", "slow"]
)
def test_an_answer_that_proves_nothing_is_doubt(pki: Pki, fault: str) -> None:
    pki.faults.ocsp = fault
    assert ask(
        pki,
        pki.card().auth.certificate,
        policy=RevocationPolicy(crl=False, cache_seconds=0, timeout=0.5),
    ) == [UNKNOWN]


def test_an_answer_without_end_is_doubt(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.operators.auth.revocation._MAX_OCSP", 100)
    assert ask(pki, pki.card().auth.certificate) == [UNKNOWN]


def test_in_doubt_the_crl_is_asked(pki: Pki) -> None:
    good, bad = pki.card().auth, pki.card().auth
    pki.ca.revoke(bad, "key-compromise")
    pki.faults.ocsp = "try-later"
    assert ask(pki, good.certificate, bad.certificate, policy=BOTH) == [GOOD, REVOKED]
    assert "crl" in pki.asked


@pytest.mark.parametrize("fault", ["stale", "garbage", "unreachable"])
def test_without_ocsp_or_crl_it_is_doubt(pki: Pki, fault: str) -> None:
    pki.faults.ocsp, pki.faults.crl = "unreachable", fault
    assert ask(pki, pki.card().auth.certificate, policy=BOTH) == [UNKNOWN]


def test_an_ocsp_that_is_late_is_awaited_and_the_crl_asked_beside_it(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.operators.auth.revocation._LATE", 0.01)
    good, bad = pki.card().auth, pki.card().auth
    pki.ca.revoke(bad, "key-compromise")
    pki.faults.ocsp = "slow"
    assert ask(pki, good.certificate, bad.certificate, policy=BOTH) == [GOOD, REVOKED]
    monkeypatch.setattr(pki.faults, "delay", 0.2)
    pki.faults.crl = "unreachable"
    assert ask(pki, good.certificate, bad.certificate, policy=BOTH) == [GOOD, REVOKED]


def test_good_is_believed_for_some_seconds_and_no_longer(pki: Pki) -> None:
    card = pki.card().auth.certificate
    assert ask(pki, card, card, card, policy=CACHED, wait=6) == [GOOD, GOOD, GOOD]
    assert pki.asked == ["ocsp", "ocsp"]


@pytest.mark.parametrize(("policy", "questions"), [(CACHED, 1), (OCSP_ONLY, 5)])
def test_who_asks_of_one_certificate_together_shares_a_question_where_answers_are_kept(
    pki: Pki, policy: RevocationPolicy, questions: int
) -> None:
    card = pki.card().auth.certificate

    async def work() -> list[RevocationStatus]:
        revocation = Revocation(pki.bundle(), policy, Clock())
        answers = await asyncio.gather(*(revocation(card) for _ in range(5)))
        await revocation.close()
        return answers

    assert asyncio.run(work()) == [GOOD] * 5
    assert pki.asked == ["ocsp"] * questions


def test_revoked_is_asked_again_so_that_a_released_card_opens(pki: Pki) -> None:
    card = pki.card().auth
    pki.ca.revoke(card, "certificate-hold")

    async def work() -> list[RevocationStatus]:
        revocation = Revocation(pki.bundle(), CACHED, Clock())
        held = await revocation(card.certificate)
        pki.ca.release(card)
        released = await revocation(card.certificate)
        await revocation.close()
        return [held, released]

    assert asyncio.run(work()) == [REVOKED, GOOD]


def test_a_certificate_of_another_authority_makes_nobody_call_anywhere(pki: Pki) -> None:
    plan, _ = pki.ca.plans.cps(PERSON)
    impostor = make_bad(pki.ca, "impostor", plan).certificate
    assert ask(pki, impostor, policy=BOTH) == [UNKNOWN]
    assert pki.asked == []


@pytest.mark.parametrize(
    "wrong", [{"timeout": 0}, {"timeout": 61}, {"cache_seconds": -1}, {"cache_seconds": 3601}]
)
def test_a_policy_out_of_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match="revocation"):
        RevocationPolicy(**{"cache_seconds": 10, **wrong})  # type: ignore[arg-type]


def test_of_answers_that_come_together_revoked_counts() -> None:
    async def said(status: RevocationStatus) -> _Told:
        return _Told(status)

    async def work() -> RevocationStatus:
        asked = [*[GOOD, UNKNOWN] * 10, REVOKED]
        return (await _first({asyncio.create_task(said(each)) for each in asked})).status

    assert {asyncio.run(work()) for _ in range(5)} == {REVOKED}


def test_good_of_a_kept_crl_is_believed_no_longer_than_the_crl(pki: Pki) -> None:
    first, second = pki.card().auth, pki.card().auth
    pki.faults.ocsp = "unreachable"
    clock = Clock()

    async def work() -> list[RevocationStatus]:
        policy = RevocationPolicy(cache_seconds=1000, timeout=30)
        revocation = Revocation(pki.bundle(), policy, clock)
        answers = [await revocation(first.certificate)]
        clock.ahead += 600  # the CRL is kept still
        answers.append(await revocation(second.certificate))
        pki.ca.revoke(second, "key-compromise")
        clock.ahead += 500
        answers.append(await revocation(second.certificate))
        await revocation.close()
        return answers

    assert asyncio.run(work()) == [GOOD, GOOD, REVOKED]


def test_who_needs_one_crl_together_fetches_it_once(pki: Pki) -> None:
    cards = [pki.card().auth.certificate for _ in range(5)]
    pki.faults.ocsp = "unreachable"

    async def work() -> list[RevocationStatus]:
        policy = RevocationPolicy(cache_seconds=10, timeout=30)
        revocation = Revocation(pki.bundle(), policy, Clock())
        answers = await asyncio.gather(*map(revocation, cards))
        await revocation.close()
        return answers

    assert asyncio.run(work()) == [GOOD] * 5
    assert pki.asked.count("crl") == len(_crl_urls(cards[0]))


def test_an_ocsp_that_hangs_for_many_keeps_no_crl_waiting(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.operators.auth.revocation._LATE", 0.01)
    monkeypatch.setattr(pki.faults, "delay", 120)
    card = pki.card().auth.certificate
    pki.faults.ocsp = "slow"

    async def work() -> list[RevocationStatus]:
        policy = RevocationPolicy(cache_seconds=0, timeout=60)
        revocation = Revocation(pki.bundle(), policy, Clock())
        answers = await asyncio.gather(*(revocation(card) for _ in range(101)))
        await revocation.close()
        return answers

    assert asyncio.run(work()) == [GOOD] * 101


def test_ocsp_and_crl_have_one_deadline(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    async def hangs(_self: Revocation, url: str, _longest: int, _body: bytes | None = None) -> None:
        asked.add(url)
        await asyncio.Event().wait()

    monkeypatch.setattr(Revocation, "_fetch", hangs)
    card = pki.card().auth.certificate
    assert ask(pki, card, policy=RevocationPolicy(cache_seconds=10, timeout=1)) == [UNKNOWN]
    assert asked == {_ocsp_url(card), *_crl_urls(card)}
