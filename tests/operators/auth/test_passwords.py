"""A password, alone or followed by six digits; login names; nothing told to who has neither."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from sandbox.operators.auth import refusals
from sandbox.operators.auth.limits import AttemptPolicy
from sandbox.operators.model import Accepted, Rejected, SaslName
from sandbox.operators.refusals import LoginAnswer
from sandbox.space.methods import Method

from .world import CHANNEL, ELSEWHERE, POLICY, Asked, World, new_password, password, told

CODES_ONLY = replace(CHANNEL, methods=(Method.TOTP,))
PHONE_ONLY = replace(CHANNEL, methods=(Method.ECPS,))
WRONG = new_password()


def test_the_password_followed_by_the_code_opens_the_mailbox(world: World) -> None:
    anne = world.holder()
    [result] = world.results(password(anne.mailbox, anne.password + anne.code()))
    assert isinstance(result, Accepted)
    assert (result.actor.mailbox, result.actor.identity) == (anne.mailbox, anne.identity)
    assert result.actor.method is Method.TOTP


def test_the_password_alone_asks_the_telephone(world: World) -> None:
    anne, phone = world.holder(), Asked()
    [result] = world.results(password(anne.mailbox, anne.password), held={Method.ECPS: phone})
    assert isinstance(result, Accepted)
    assert result.actor.method is Method.ECPS
    assert phone.people == [anne.identity]


def test_where_both_held_methods_are_served_the_account_says_which(world: World) -> None:
    box = world.personal()
    person = world.directory.holders(box.address)[0]
    anne = world.grant(box.address, person, held=Method.SMS)
    held = {Method.ECPS: Asked(), Method.SMS: Asked(Method.SMS)}
    [result] = world.results(password(anne.mailbox, anne.password), held=held)
    assert isinstance(result, Accepted)
    assert result.actor.method is Method.SMS


def test_where_one_held_method_is_served_the_endpoint_says_which(world: World) -> None:
    anne, sms = world.holder(), Asked(Method.SMS)
    channel = replace(CHANNEL, methods=(Method.TOTP, Method.SMS))
    [result] = world.results(password(anne.mailbox, anne.password, channel), held={Method.SMS: sms})
    assert isinstance(result, Accepted)
    assert result.actor.method is Method.SMS


def test_a_wrong_password_never_rings_the_telephone(world: World) -> None:
    anne, phone = world.holder(), Asked()
    assert world.play(password(anne.mailbox, WRONG), held={Method.ECPS: phone}) == [
        "wrong-password"
    ]
    assert phone.people == []


def test_what_the_telephone_answered_is_the_answer(world: World) -> None:
    anne = world.holder()
    phone = Asked(answer=Rejected(refusal=refusals.CODE_WRONG, method=Method.ECPS, person=3.0))
    [result] = world.results(password(anne.mailbox, anne.password), held={Method.ECPS: phone})
    assert result is phone.answer


def test_a_held_method_that_is_announced_but_not_in_service_is_unavailable(world: World) -> None:
    anne = world.holder()
    [result] = world.results(password(anne.mailbox, anne.password, PHONE_ONLY))
    assert isinstance(result, Rejected)
    assert result.refusal.name == "method-not-installed"
    assert result.refusal.answer is LoginAnswer.UNAVAILABLE


def test_a_password_without_its_code_is_refused_where_codes_are_asked(world: World) -> None:
    anne = world.holder()
    assert world.play(password(anne.mailbox, anne.password, CODES_ONLY)) == ["code-missing"]


def test_a_code_is_refused_where_it_is_not_asked(world: World) -> None:
    anne, phone = world.holder(), Asked()
    steps = password(anne.mailbox, anne.password + anne.code(), PHONE_ONLY)
    assert world.play(steps, held={Method.ECPS: phone}) == ["code-not-here"]
    assert phone.people == []


def test_a_right_code_does_not_mend_a_wrong_password(world: World) -> None:
    anne = world.holder()
    assert world.play(password(anne.mailbox, WRONG + anne.code())) == ["wrong-password"]


def test_a_holder_without_password_is_refused(world: World) -> None:
    assert world.play(password(world.personal().address, WRONG)) == ["no-password"]


# Names ------------------------------------------------------------------------------------------


def test_case_of_an_address_does_not_matter(world: World) -> None:
    anne = world.holder()
    steps = password(anne.mailbox.upper(), anne.password + anne.code())
    assert world.play(steps) == [anne.mailbox]


def test_a_national_identifier_alone_opens_the_person_s_own_mailbox(world: World) -> None:
    anne = world.holder()
    assert world.play(password(anne.identity, anne.password + anne.code())) == [anne.mailbox]


def test_a_bare_rpps_is_as_good_as_the_national_identifier(world: World) -> None:
    anne = world.holder()
    assert world.play(password(anne.identity[1:], anne.password + anne.code())) == [anne.mailbox]


def test_each_holder_of_an_organisational_mailbox_logs_in_as_himself(world: World) -> None:
    box = world.organisational(holders=2)
    first, second = world.holder(box, 0), world.holder(box, 1)
    results = world.results(
        password(f"{box.address}*{first.identity}", first.password + first.code()),
        password(f"{box.address}*{second.identity}", second.password + second.code()),
    )
    assert [told(each) for each in results] == [box.address, box.address]
    assert [each.actor.identity for each in results if isinstance(each, Accepted)] == [
        first.identity, second.identity,
    ]  # fmt: skip


def test_a_holder_is_named_as_authcid_and_the_mailbox_as_authzid(world: World) -> None:
    box = world.organisational(holders=2)
    holder = world.holder(box, 1)
    step = password(holder.identity, holder.password + holder.code(), authzid=box.address)
    assert world.play(step) == [box.address]


def test_a_name_may_be_given_as_authzid_too(world: World) -> None:
    """As software over libsasl does (RFC 4616 §2)."""
    box = world.organisational(holders=2)
    holder = world.holder(box, 1)
    name = f"{box.address}*{holder.identity}"
    step = password(name, holder.password + holder.code(), authzid=name)
    assert world.play(step) == [box.address]


def test_a_holder_may_be_named_by_his_own_address(world: World) -> None:
    box = world.box(
        "m.type = 1 AND d.name = 'op1.mssante.test' AND EXISTS (SELECT 1 FROM holder h"
        " JOIN mailbox o ON o.person = h.person WHERE h.mailbox = m.id AND o.type = 0)"
    )
    people = world.directory.holders(box.address)
    number, own = next(
        (number, boxes[0].address)
        for number, person in enumerate(people)
        if (boxes := world.directory.mailboxes_of(person))
    )
    holder = world.holder(box, number)
    secret = holder.password + holder.code()
    assert world.play(password(own, secret, authzid=box.address)) == [box.address]
    secret = holder.password + holder.code(1)
    assert world.play(password(f"{box.address}*{own}", secret)) == [box.address]


def test_an_organisational_mailbox_with_one_holder_needs_no_holder_s_name(world: World) -> None:
    holder = world.holder(world.organisational(holders=1))
    step = password(holder.mailbox, holder.password + holder.code())
    assert world.play(step) == [holder.mailbox]


def test_an_organisational_mailbox_with_several_holders_asks_which(world: World) -> None:
    holder = world.holder(world.organisational(holders=2))
    step = password(holder.mailbox, holder.password + holder.code())
    assert world.play(step) == ["holder-not-named"]


def test_one_holder_s_password_is_not_another_s(world: World) -> None:
    box = world.organisational(holders=2)
    first, second = world.holder(box, 0), world.holder(box, 1)
    step = password(f"{box.address}*{second.identity}", first.password + first.code())
    assert world.play(step) == ["wrong-password"]


def test_who_is_no_holder_any_more_is_refused_although_his_password_is_kept(world: World) -> None:
    box = world.organisational(holders=2)
    stranger = world.directory.holders(world.personal().address)[0]
    kept = world.grant(box.address, stranger)
    step = password(f"{box.address}*{kept.identity}", kept.password + kept.code())
    assert world.play(step) == ["not-a-holder"]


@pytest.mark.parametrize(
    ("user", "authzid", "rule"),
    [
        ("nobody@op1.mssante.test", "", "no-such-mailbox"),
        ("nobody@elsewhere.mssante.test", "", "other-operator"),
        ("899999999999", "", "unknown-person"),
        ("not a name", "", "unreadable-name"),
        ("a@b@c", "", "unreadable-name"),
        ("a@op1.mssante.test*", "", "unreadable-name"),
        ("a@op1.mssante.test*x y", "", "unreadable-name"),
        ("899999999999", "899999999999", "unknown-person"),
        ("899999999999", "899999999998", "unreadable-name"),
        ("899999999999", "a@op1.mssante.test*899999999999", "unreadable-name"),
    ],
)
def test_a_name_that_means_nobody_is_told_to_the_journal(
    world: World, user: str, authzid: str, rule: str
) -> None:
    assert world.play(password(user, WRONG, authzid=authzid)) == [rule]


def test_another_operator_s_mailbox_is_refused(world: World) -> None:
    box = world.personal(ELSEWHERE)
    assert world.play(password(box.address, WRONG)) == ["other-operator"]


def test_a_person_whose_mailboxes_are_elsewhere_has_none_here(world: World) -> None:
    person = world.personal(ELSEWHERE).person
    assert person is not None
    assert world.play(password(person.national_id, WRONG)) == ["no-mailbox-here"]


def test_no_password_opens_an_application_mailbox(world: World) -> None:
    assert world.play(password(world.application().address, WRONG)) == ["application-mailbox"]


# What an attacker learns ------------------------------------------------------------------------


def test_whatever_is_wrong_the_client_is_told_the_same(world: World) -> None:
    anne = world.holder()
    shared = world.holder(world.organisational(holders=2))
    policy = replace(POLICY, attempts=AttemptPolicy(per_client=1_000, per_name=1_000))
    results = world.results(
        password(anne.mailbox, WRONG),
        password(anne.mailbox, anne.password + anne.wrong_code()),
        password(anne.mailbox, anne.password, CODES_ONLY),
        password("nobody@op1.mssante.test", WRONG),
        password(world.personal(ELSEWHERE).address, WRONG),
        password(shared.mailbox, WRONG),
        password(f"{shared.mailbox}*{anne.identity}", WRONG),
        password(world.application().address, WRONG),
        password("not a name", WRONG),
        policy=policy,
    )
    assert {each.refusal.answer for each in results if isinstance(each, Rejected)} == {
        LoginAnswer.CREDENTIALS
    }
    assert len(results) == 9


def test_a_refusal_takes_the_same_time_whatever_was_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    anne, waits = world.holder(), []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    # In that module alone: spaces of other tests may run in this process.
    inside = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("sandbox.operators.auth.authenticator.asyncio", inside)
    steps = [password(user, WRONG) for user in (anne.mailbox, "nobody@op1.mssante.test", "x")]

    async def work() -> None:
        async with world.operator(replace(POLICY, refusal_seconds=60.0)) as control:
            for step in steps:
                await control.authenticator.authenticate(step.credentials, step.channel)

    asyncio.run(work())
    assert len(waits) == 3
    assert min(waits) > 50


def test_a_refusal_is_journaled_once_with_cause_and_remedy_and_without_secret(
    world: World,
) -> None:
    anne = world.holder()
    world.play(password(anne.mailbox, WRONG + "123456"))
    [event] = world.journal.since()
    assert event["reason"] == "wrong-password"
    assert event["user"] == anne.mailbox
    assert event["fr"]
    assert event["remedy_en"]
    assert WRONG not in json.dumps(event)


def test_a_password_typed_as_the_name_is_not_journaled(world: World) -> None:
    world.play(password(WRONG + " ", WRONG))
    assert WRONG not in json.dumps(world.journal.since())


def test_a_login_is_journaled_with_who_acts_on_what(world: World) -> None:
    anne = world.holder()
    world.play(password(anne.mailbox, anne.password + anne.code()))
    [event] = world.journal.since()
    assert (event["event"], event["mailbox"]) == ("login", anne.mailbox)
    assert (event["identity"], event["method"]) == (anne.identity, "totp")


# Where ------------------------------------------------------------------------------------------


def test_no_secret_is_looked_at_without_tls(world: World) -> None:
    anne = world.holder()
    clear = replace(CHANNEL, tls="")
    step = password(anne.mailbox, anne.password + anne.code(), clear)
    assert world.play(step) == ["tls-needed"]


@pytest.mark.parametrize(
    "channel",
    [
        replace(CHANNEL, mechanisms=(SaslName.XOAUTH2,)),
        replace(CHANNEL, methods=(Method.CPS, Method.CERTIFICATE)),
    ],
)
def test_no_password_is_looked_at_where_none_is_taken(world: World, channel: object) -> None:
    anne = world.holder()
    step = password(anne.mailbox, anne.password + anne.code())
    assert world.play(replace(step, channel=channel)) == ["mechanism-not-here"]
