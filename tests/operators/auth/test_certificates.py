"""Cards and application certificates: who they are, whose mailbox, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509

from sandbox.directory import BoxType, Mailbox, Person
from sandbox.directory.identities import (
    application_of,
    card_holder,
    employee_of,
    organisation_of,
)
from sandbox.observations.schema import Cause
from sandbox.operators.auth import refusals
from sandbox.operators.model import Accepted, CertificateCredentials, Rejected, SaslName
from sandbox.operators.refusals import LoginAnswer, LoginRefusal
from sandbox.space.methods import Method
from sandbox.trust import Organisation, RevocationStatus, make_bad

from .world import (
    CHANNEL,
    ELSEWHERE,
    HERE,
    POLICY,
    TokenOf,
    Try,
    World,
    certificate,
    password,
    token,
)

FAULTS = {
    "expired": "certificate-expired",
    "not-yet-valid": "certificate-not-yet-valid",
    "impostor": "certificate-untrusted",
    "wrong-hierarchy": "certificate-wrong-hierarchy",
    "wrong-usage": "certificate-wrong-usage",
    "wrong-environment": "certificate-wrong-environment",
    "weak-key": "certificate-weak-key",
    "revoked": "certificate-revoked",
}


def bearer(box: Mailbox) -> Person:
    assert box.person is not None
    return box.person


def card(world: World, person: Person) -> x509.Certificate:
    return world.ca.cps(card_holder(person)).auth.certificate


def application(world: World, box: Mailbox) -> x509.Certificate:
    return world.ca.org_client(application_of(world.directory, box.address), "lps").certificate


# Cards ------------------------------------------------------------------------------------------


def test_a_card_opens_the_mailbox_of_its_holder(world: World) -> None:
    box = world.personal()
    [result] = world.results(certificate(card(world, bearer(box))))
    assert isinstance(result, Accepted)
    assert (result.actor.mailbox, result.actor.method) == (box.address, Method.CPS)
    assert result.actor.identity == bearer(box).national_id


def test_a_card_logs_in_alone(world: World) -> None:
    box = world.personal()
    step = certificate(card(world, bearer(box)))
    alone = Try(CertificateCredentials(mechanism=SaslName.NONE), step.channel)
    assert world.play(alone) == [box.address]


def again(world: World, step: Try, change: Callable[[], None]) -> list[LoginRefusal | None]:
    """Log in, look at the open session, change something, look again."""

    async def work() -> list[LoginRefusal | None]:
        async with world.operator() as control:
            judge = control.authenticator
            accepted = await judge.authenticate(step.credentials, step.channel)
            assert isinstance(accepted, Accepted)
            asked = accepted.actor, step.credentials, step.channel
            before = await judge.again(*asked)
            change()
            return [before, await judge.again(*asked)]

    return asyncio.run(work())


def test_an_open_session_does_not_outlive_its_certificate(world: World) -> None:
    peer = card(world, bearer(world.personal()))
    before, after = again(world, certificate(peer), lambda: world.ca.revoke(peer))
    assert before is None
    assert after is refusals.CERTIFICATE_REVOKED


def test_an_open_session_outlives_a_responder_that_is_down(world: World) -> None:
    def silence() -> None:
        world.revoked = RevocationStatus.UNKNOWN

    peer = card(world, bearer(world.personal()))
    assert again(world, certificate(peer), silence) == [None, None]


@pytest.mark.parametrize("kind", ["card", "application"])
def test_whether_a_mailbox_is_still_theirs_is_looked_at_before_revocation(
    world: World, kind: str
) -> None:
    box = world.personal() if kind == "card" else world.application()
    step = certificate(card(world, bearer(box)) if kind == "card" else application(world, box))

    async def work() -> list[LoginRefusal | None]:
        async with world.operator() as control:
            judge = control.authenticator
            accepted = await judge.authenticate(step.credentials, step.channel)
            assert isinstance(accepted, Accepted)
            moved = replace(accepted.actor, mailbox=f"anne@{ELSEWHERE}")
            world.revoked = RevocationStatus.UNKNOWN
            stays = await judge.again(accepted.actor, step.credentials, step.channel)
            world.asked.clear()
            return [stays, await judge.again(moved, step.credentials, step.channel)]

    assert asyncio.run(work()) == [None, refusals.OTHER_OPERATOR]
    assert world.asked == []


def test_a_card_opens_an_organisational_mailbox_that_its_holder_holds(world: World) -> None:
    box = world.box(
        "m.type = 1 AND d.name = 'op1.mssante.test' AND (SELECT count(*) FROM holder h"
        " JOIN person q ON q.id = h.person WHERE h.mailbox = m.id AND q.national_id LIKE '8%') > 0"
    )
    person = next(p for p in world.directory.holders(box.address) if p.rpps)
    [result] = world.results(certificate(card(world, person), box.address))
    assert isinstance(result, Accepted)
    assert result.actor.identity == person.national_id


def test_a_card_alone_opens_its_person_s_own_mailbox_unless_another_is_named(world: World) -> None:
    box = world.box(
        "m.type = 1 AND d.name = 'op1.mssante.test' AND EXISTS (SELECT 1 FROM holder h"
        " JOIN mailbox o ON o.person = h.person JOIN domain e ON e.id = o.domain"
        " JOIN person q ON q.id = h.person"
        " WHERE h.mailbox = m.id AND e.name = d.name AND o.type = 0"
        " AND q.national_id LIKE '8%')"
    )
    holders = world.directory.holders(box.address)

    def own(holder: Person) -> list[Mailbox]:
        boxes = world.directory.mailboxes_of(holder)
        return [each for each in boxes if each.type is BoxType.PER and each.domain == HERE]

    person = next(holder for holder in holders if holder.rpps and own(holder))
    channel = certificate(card(world, person)).channel
    alone = CertificateCredentials(mechanism=SaslName.NONE)
    got = world.play(Try(alone, channel), Try(replace(alone, authzid=box.address), channel))
    assert got == [own(person)[0].address, box.address]


def test_an_employee_s_card_is_a_card(world: World) -> None:
    person = world.person(
        "national_id LIKE '%/%' AND id IN (SELECT m.person FROM mailbox m JOIN domain d"
        " ON d.id = m.domain WHERE d.name = 'op1.mssante.test')"
    )
    peer = world.ca.cpe(employee_of(world.directory, person)).certificate
    [result] = world.results(certificate(peer))
    assert isinstance(result, Accepted)
    assert result.actor.identity == person.national_id


def test_a_card_does_not_open_another_person_s_mailbox(world: World) -> None:
    mine = world.personal()
    other = world.box(
        "m.type = 0 AND d.name = 'op1.mssante.test' AND m.person <> ?", bearer(mine).id
    )
    [result] = world.results(certificate(card(world, bearer(mine)), other.address))
    assert isinstance(result, Rejected)
    assert result.refusal.name == "not-a-holder"
    assert result.refusal.answer is LoginAnswer.NOT_AUTHORIZED
    assert result.refusal.cause is Cause.NOT_AUTHORIZED


def test_a_card_opens_nothing_at_another_operator(world: World) -> None:
    mine, away = world.personal(), world.personal(ELSEWHERE)
    got = world.play(
        certificate(card(world, bearer(mine)), away.address),
        certificate(card(world, bearer(away)), away.address),
        certificate(card(world, bearer(away))),
    )
    assert got == ["other-operator", "other-operator", "no-mailbox-here"]


def test_what_does_not_exist_and_what_is_another_s_are_one_answer(world: World) -> None:
    peer = card(world, bearer(world.personal()))
    results = world.results(
        certificate(peer, world.organisational(holders=1).address),
        certificate(peer, "nobody@op1.mssante.test"),
        certificate(peer, world.application().address),
    )
    assert {each.refusal.answer for each in results if isinstance(each, Rejected)} == {
        LoginAnswer.NOT_AUTHORIZED
    }


def test_a_card_of_somebody_unknown_to_the_directory_is_refused(world: World) -> None:
    person = replace(bearer(world.personal()), national_id="899999999999")
    assert world.play(certificate(card(world, person))) == ["unknown-person"]


@pytest.mark.parametrize(("fault", "rule"), FAULTS.items())
def test_a_card_with_a_fault_is_refused_for_it(world: World, fault: str, rule: str) -> None:
    plan, _ = world.ca.plans.cps(card_holder(bearer(world.personal())))
    peer = make_bad(world.ca, fault, plan).certificate
    [result] = world.results(certificate(peer))
    assert isinstance(result, Rejected)
    assert result.refusal.name == rule
    assert result.refusal.cause is Cause.CERTIFICATE_REFUSED
    assert result.method is Method.CPS


def test_a_signature_certificate_is_no_authentication_certificate(world: World) -> None:
    peer = world.ca.cps(card_holder(bearer(world.personal()))).sign.certificate
    assert world.play(certificate(peer)) == ["certificate-wrong-usage"]


def test_revocation_is_asked_of_good_certificates_only(world: World) -> None:
    plan, _ = world.ca.plans.cps(card_holder(bearer(world.personal())))
    world.play(certificate(make_bad(world.ca, "impostor", plan).certificate))
    assert world.asked == []


def test_when_revocation_cannot_be_told_the_card_is_refused_for_now(world: World) -> None:
    world.revoked = RevocationStatus.UNKNOWN
    [result] = world.results(certificate(card(world, bearer(world.personal()))))
    assert isinstance(result, Rejected)
    assert result.refusal.name == "revocation-unknown"
    assert result.refusal.answer is LoginAnswer.UNAVAILABLE


def test_an_operator_may_choose_to_let_in_when_revocation_cannot_be_told(world: World) -> None:
    world.revoked = RevocationStatus.UNKNOWN
    box = world.personal()
    step = certificate(card(world, bearer(box)))
    assert world.play(step, policy=replace(POLICY, accept_unknown=True)) == [box.address]


# Applications -----------------------------------------------------------------------------------


def test_an_application_certificate_opens_the_mailbox_of_its_structure(world: World) -> None:
    box = world.application()
    [result] = world.results(certificate(application(world, box)))
    assert isinstance(result, Accepted)
    assert (result.actor.mailbox, result.actor.method) == (box.address, Method.CERTIFICATE)
    assert box.structure is not None
    assert result.actor.identity == box.structure.national_id


def test_the_certificate_of_the_juridical_entity_opens_it_too(world: World) -> None:
    box = world.box(
        "m.type = 2 AND d.name = 'op1.mssante.test' AND s.parent IS NOT NULL"
        " AND (SELECT count(*) FROM mailbox o JOIN structure t ON t.id = o.structure"
        " WHERE o.type = 2 AND t.parent = s.parent) = 1"
    )
    assert box.structure is not None
    entity = world.directory.structure(box.structure.parent)
    assert entity is not None
    peer = world.ca.org_client(organisation_of(entity), "lps").certificate
    got = world.play(certificate(peer), certificate(peer, box.address))
    assert got == [box.address, box.address]


def test_a_structure_may_be_named_by_its_siret(world: World) -> None:
    box = world.application()
    assert box.structure is not None
    by_siret = replace(organisation_of(box.structure), finess="", siret=box.structure.siret)
    peer = world.ca.org_client(by_siret, "lps").certificate
    assert world.play(certificate(peer)) == [box.address]


def test_several_application_mailboxes_ask_which(world: World) -> None:
    box = world.application(alone=False)
    peer = application(world, box)
    got = world.play(certificate(peer), certificate(peer, box.address))
    assert got == ["mailbox-not-named", box.address]


def test_another_structure_s_application_mailbox_is_refused(world: World) -> None:
    mine, other = world.application(), world.application(alone=False)
    assert world.play(certificate(application(world, mine), other.address)) == ["other-structure"]


def test_an_application_certificate_opens_no_mailbox_of_people(world: World) -> None:
    peer = application(world, world.application())
    got = world.play(
        certificate(peer, world.personal().address),
        certificate(peer, world.organisational(holders=1).address),
    )
    assert got == ["not-an-application", "not-an-application"]


def test_an_application_mailbox_at_another_operator_is_refused(world: World) -> None:
    peer = application(world, world.application())
    away = f"app@{ELSEWHERE}"
    assert world.play(certificate(peer, away)) == ["other-operator"]


def test_an_application_certificate_names_a_mailbox_not_a_holder(world: World) -> None:
    box = world.application()
    peer = application(world, box)
    assert world.play(certificate(peer, f"{box.address}*899999999999")) == ["unreadable-name"]


def test_a_card_does_not_open_an_application_mailbox(world: World) -> None:
    peer = card(world, bearer(world.personal()))
    assert world.play(certificate(peer, world.application().address)) == ["application-mailbox"]


def test_a_structure_that_the_directory_does_not_know_is_refused(world: World) -> None:
    stranger = Organisation(name="INCONNU", department="Paris (75)", finess="759999996")
    peer = world.ca.org_client(stranger, "lps").certificate
    assert world.play(certificate(peer)) == ["certificate-unknown-structure"]


@pytest.mark.parametrize(("fault", "rule"), FAULTS.items())
def test_an_application_certificate_with_a_fault_is_refused_for_it(
    world: World, fault: str, rule: str
) -> None:
    organisation = application_of(world.directory, world.application().address)
    plan = world.ca.plans.org_client(organisation, "lps")
    [result] = world.results(certificate(make_bad(world.ca, fault, plan).certificate))
    assert isinstance(result, Rejected)
    assert result.refusal.name == rule
    assert result.method is Method.CERTIFICATE


def test_a_server_certificate_is_no_application_certificate(world: World) -> None:
    organisation = application_of(world.directory, world.application().address)
    peer = world.ca.operator_server(organisation, ["mx1.op1.mssante.test"]).certificate
    assert world.play(certificate(peer)) == ["certificate-wrong-usage"]


# Where ------------------------------------------------------------------------------------------


def test_external_without_a_certificate_is_refused(world: World) -> None:
    assert world.play(certificate(None)) == ["certificate-missing"]


def test_a_certificate_that_cannot_be_read_is_refused(world: World) -> None:
    step = certificate(None)
    garbage = replace(step, channel=replace(step.channel, certificate=b"\x30\x03\x02\x01\x01"))
    assert world.play(garbage) == ["certificate-unreadable"]


def test_an_expired_certificate_is_told_to_be_so(world: World) -> None:
    plan, _ = world.ca.plans.cps(card_holder(bearer(world.personal())))
    [result] = world.results(certificate(make_bad(world.ca, "expired", plan).certificate))
    assert isinstance(result, Rejected)
    assert result.refusal.answer is LoginAnswer.EXPIRED


def test_each_kind_of_certificate_has_its_endpoints(world: World) -> None:
    box = world.application()
    for_cards = replace(CHANNEL, methods=(Method.CPS,))
    for_applications = replace(CHANNEL, methods=(Method.CERTIFICATE,))
    got = world.play(
        certificate(application(world, box), channel=for_cards),
        certificate(card(world, bearer(world.personal())), channel=for_applications),
    )
    assert got == ["application-not-here", "card-not-here"]


# Tokens: only the way to the verifier; what a token says is the verifier's --------------------


def test_a_token_opens_what_its_person_may_open(world: World) -> None:
    box = world.personal()
    other = world.organisational(holders=1)
    tokens = TokenOf(bearer(box).national_id)
    got = world.play(
        token(box.address), token(""), token(bearer(box).national_id), token(other.address),
        tokens=tokens,
    )  # fmt: skip
    assert got == [box.address, box.address, box.address, "not-a-holder"]


def test_a_token_for_a_mailbox_under_another_holder_s_name_is_refused(world: World) -> None:
    box = world.organisational(holders=2)
    first, second = world.directory.holders(box.address)
    got = world.play(
        token(f"{box.address}*{first.national_id}"), token(f"{box.address}*{second.national_id}"),
        tokens=TokenOf(first.national_id),
    )  # fmt: skip
    assert got == [box.address, "not-a-holder"]


def test_tokens_have_their_endpoints(world: World) -> None:
    codes = replace(CHANNEL, methods=(Method.TOTP,))
    assert world.play(token("a@op1.mssante.test", codes), token("a@op1.mssante.test")) == [
        "mechanism-not-here",
        "method-not-installed",
    ]


def test_each_mechanism_has_its_endpoints(world: World) -> None:
    channel = replace(CHANNEL, mechanisms=(SaslName.PLAIN,))
    got = world.play(
        certificate(None, channel=channel), token("a@op1.mssante.test", channel),
        password("a@op1.mssante.test", "x", replace(CHANNEL, mechanisms=())),
    )  # fmt: skip
    assert got == ["mechanism-not-here"] * 3
