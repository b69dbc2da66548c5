"""Attempts are limited, and nobody is locked out from elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.operators.auth import refusals
from sandbox.operators.auth.limits import AttemptPolicy, LeakyCounter
from sandbox.operators.model import Rejected
from sandbox.operators.refusals import LoginAnswer
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

from .world import CHANNEL, POLICY, Asked, Wait, World, certificate, new_password, password

AWAY = replace(CHANNEL, client="192.0.2.7")
ELSEWHERE = replace(CHANNEL, client="127.0.0.66")
WRONG = new_password()
LIMITED = replace(
    POLICY, attempts=AttemptPolicy(per_client=6, per_name=3, per_account=2, asked=4, window=60)
)


def test_who_fails_too_often_is_told_to_wait_whatever_he_says_then(world: World) -> None:
    anne = world.holder()
    wrong, right = password(anne.mailbox, WRONG), password(anne.mailbox, anne.password + "0" * 6)
    results = world.results(wrong, wrong, wrong, right, policy=LIMITED)
    assert isinstance(results[3], Rejected)
    assert results[3].refusal.name == "too-many-attempts"
    assert results[3].refusal.answer is LoginAnswer.LIMITED


def test_the_limit_fades(world: World) -> None:
    anne = world.holder()
    wrong = password(anne.mailbox, WRONG)
    got = world.play(wrong, wrong, wrong, Wait(20), wrong, wrong, policy=LIMITED)
    assert got[3:] == ["wrong-password", "too-many-attempts"]


def test_failures_from_elsewhere_lock_nobody_out(world: World) -> None:
    anne = world.holder()
    wrong = password(anne.mailbox, WRONG, ELSEWHERE)
    right = password(anne.mailbox, anne.password + anne.code())
    assert world.play(*[wrong] * 10, right, policy=LIMITED)[-1] == anne.mailbox


def test_a_name_that_does_not_exist_is_limited_like_one_that_does(world: World) -> None:
    wrong = password("nobody@op1.mssante.test", WRONG)
    assert world.play(*[wrong] * 4, policy=LIMITED)[-1] == "too-many-attempts"


def test_one_mailbox_is_one_name_however_it_is_written(world: World) -> None:
    box = world.organisational(holders=2)
    holder = world.holder(box)
    got = world.play(
        password(box.address, WRONG),
        password(box.address.upper(), WRONG),
        password(f"{box.address}*{holder.identity}", WRONG),
        password(holder.identity, WRONG, authzid=box.address),
        policy=LIMITED,
    )
    assert got[-1] == "too-many-attempts"


def test_one_address_may_not_try_name_after_name(world: World) -> None:
    steps = [password(f"n{number}@op1.mssante.test", WRONG, AWAY) for number in range(7)]
    got = world.play(*steps, policy=LIMITED)
    assert got == ["no-such-mailbox"] * 6 + ["too-many-attempts"]


def test_the_loopback_is_no_client_of_its_own_that_could_lock_the_others_out(
    world: World,
) -> None:
    anne = world.holder()
    steps = [password(f"n{number}@op1.mssante.test", WRONG) for number in range(20)]
    right = password(anne.mailbox, anne.password + anne.code())
    assert world.play(*steps, right, policy=LIMITED)[-1] == anne.mailbox


def test_wrong_passwords_do_not_lock_cards_out(world: World) -> None:
    steps = [password(f"n{number}@op1.mssante.test", WRONG, AWAY) for number in range(20)]
    card = certificate(None, channel=AWAY)
    assert world.play(*steps, card, policy=LIMITED)[-1] == "certificate-missing"


def test_a_success_forgets_the_failures_of_that_name(world: World) -> None:
    anne = world.holder()
    wrong = password(anne.mailbox, WRONG)
    right = password(anne.mailbox, anne.password + anne.code())
    got = world.play(wrong, wrong, right, wrong, wrong, policy=LIMITED)
    assert got == ["wrong-password"] * 2 + [anne.mailbox] + ["wrong-password"] * 2


def test_codes_are_not_guessed_from_many_addresses_with_a_stolen_password(world: World) -> None:
    anne = world.holder()
    guess = anne.password + anne.wrong_code()
    steps = [
        password(anne.mailbox, guess, replace(CHANNEL, client=f"127.0.1.{number}"))
        for number in range(3)
    ]
    got = world.play(*steps, policy=LIMITED)
    assert got == ["code-wrong", "code-wrong", "too-many-second-factors"]


def test_a_telephone_is_not_rung_without_end(world: World) -> None:
    anne = world.holder()
    declined = Asked(answer=Rejected(refusal=refusals.CODE_WRONG, method=Method.ECPS))
    step = password(anne.mailbox, anne.password)
    got = world.play(*[step] * 5, policy=LIMITED, held={Method.ECPS: declined})
    assert got[-1] == "too-many-second-factors"
    assert len(declined.people) == 4


def test_a_right_code_that_comes_again_is_no_guess(world: World) -> None:
    anne = world.holder()
    again = password(anne.mailbox, anne.password + anne.code())
    assert world.play(*[again] * 5, policy=LIMITED) == [anne.mailbox] + ["code-reused"] * 4


def test_certificates_that_are_refused_count_against_their_address(world: World) -> None:
    missing = certificate(None, channel=AWAY)
    got = world.play(*[missing] * 7, policy=LIMITED)
    assert got == ["certificate-missing"] * 6 + ["too-many-attempts"]


def test_counters_are_bounded() -> None:
    counter = LeakyCounter(limit=3, window=60, most=100)
    for number in range(1_000):
        counter.add(str(number), float(number))
    assert len(counter) == 100


@pytest.mark.parametrize("name", ["per_client", "per_name", "per_account", "asked", "window"])
def test_a_limit_below_one_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="1 or more"):
        AttemptPolicy(**{name: 0})  # type: ignore[arg-type]
