"""One-time codes: once, by their window; shared where a policy says so; across a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.model import Rejected
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

from .world import CHANNEL, Holder, Restart, Try, Wait, World, codes, password, told

OTHER_CLIENT = replace(CHANNEL, client="127.0.0.2")
SHARING = codes(share_seconds=20)
LAX = codes(once=False)


def login(holder: Holder, code: str, channel: object = CHANNEL) -> Try:
    return replace(password(holder.mailbox, holder.password + code), channel=channel)


def test_a_code_is_good_once(world: World) -> None:
    anne = world.holder()
    first = login(anne, anne.code())
    results = world.results(first, first)
    assert isinstance(results[1], Rejected)
    assert results[1].refusal.name == "code-reused"
    assert results[1].refusal.cause is Cause.CODE_REUSED
    assert results[1].method is Method.TOTP


@pytest.mark.parametrize("letters", [32, 34, 36, 37, 39, 52, 64])
def test_a_secret_of_any_whole_number_of_octets_gives_the_codes_of_its_telephone(
    world: World, letters: int
) -> None:
    box = world.personal()
    secret = ("MFRGGZDF" * 8)[: letters - 1] + "A"  # no bit beyond the last octet
    anne = world.grant(box.address, world.directory.holders(box.address)[0], totp=secret)
    assert world.play(login(anne, anne.code())) == [anne.mailbox]


@pytest.mark.parametrize("letters", [33, 35, 38, 41])
def test_a_secret_that_is_no_octets_is_refused(world: World, letters: int) -> None:
    box = world.personal()
    with pytest.raises(UserError, match="base32"):
        world.grant(box.address, world.directory.holders(box.address)[0], totp="A" * letters)


def test_a_used_code_stays_used_when_the_operator_restarts(world: World) -> None:
    anne = world.holder()
    first = login(anne, anne.code())
    assert world.play(first, Restart(), first) == [anne.mailbox, "code-reused"]


def test_a_used_code_stays_used_by_another_client(world: World) -> None:
    anne = world.holder()
    code = anne.code()
    steps = login(anne, code), login(anne, code, OTHER_CLIENT)
    assert world.play(*steps, policy=SHARING) == [anne.mailbox, "code-reused"]


def test_the_connections_of_one_client_share_a_code_within_the_setting(world: World) -> None:
    anne = world.holder()
    code = login(anne, anne.code())
    got = world.play(code, Wait(10), code, Wait(9), code, Wait(2), code, policy=SHARING)
    assert got == [anne.mailbox, anne.mailbox, anne.mailbox, "code-reused"]


def test_a_shared_code_is_still_shared_when_the_operator_restarts(world: World) -> None:
    anne = world.holder()
    code = login(anne, anne.code())
    got = world.play(code, Restart(), code, policy=SHARING)
    assert got == [anne.mailbox, anne.mailbox]


def test_sharing_for_longer_than_the_window_is_a_session(world: World) -> None:
    anne = world.holder()
    code = login(anne, anne.code())
    session = codes(share_seconds=28_800)
    got = world.play(code, Wait(28_000), code, Wait(1_000), code, policy=session)
    assert got == [anne.mailbox, anne.mailbox, "code-wrong"]


def test_a_session_is_only_for_the_code_that_opened_it(world: World) -> None:
    anne = world.holder()
    session = codes(share_seconds=28_800)
    code, wrong = login(anne, anne.code()), login(anne, anne.wrong_code())
    assert world.play(code, Wait(600), wrong, policy=session) == [anne.mailbox, "code-wrong"]


def test_a_lax_operator_takes_a_code_again_in_its_window(world: World) -> None:
    anne = world.holder()
    code = anne.code()
    steps = login(anne, code), login(anne, code, OTHER_CLIENT), Wait(90), login(anne, code)
    got = world.play(*steps, policy=LAX)
    assert got == [anne.mailbox, anne.mailbox, "code-out-of-time"]


def test_two_accounts_of_one_person_use_codes_of_their_own(world: World) -> None:
    box = world.organisational(holders=2)
    first, second = world.holder(box, 0), world.holder(box, 1)
    got = world.play(
        password(f"{box.address}*{first.identity}", first.password + first.code()),
        password(f"{box.address}*{second.identity}", second.password + second.code()),
    )
    assert got == [box.address, box.address]


def test_of_two_connections_at_once_one_gets_the_code(world: World) -> None:
    anne = world.holder()
    step = login(anne, anne.code())

    async def work() -> list[str]:
        async with world.operator() as control:
            judge = control.authenticator.authenticate
            both = [judge(step.credentials, step.channel) for _ in range(2)]
            return sorted(told(each) for each in await asyncio.gather(*both))

    assert asyncio.run(work()) == sorted([anne.mailbox, "code-reused"])


def test_the_connections_of_one_client_at_once_all_get_a_shared_code(world: World) -> None:
    anne = world.holder()
    step = login(anne, anne.code())

    async def work() -> list[str]:
        async with world.operator(SHARING) as control:
            judge = control.authenticator.authenticate
            five = [judge(step.credentials, step.channel) for _ in range(5)]
            return [told(each) for each in await asyncio.gather(*five)]

    assert asyncio.run(work()) == [anne.mailbox] * 5


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_may_be_one_step_off(world: World, steps: int) -> None:
    anne = world.holder()
    assert world.play(login(anne, anne.code(steps))) == [anne.mailbox]


@pytest.mark.parametrize("steps", [-2, 2, 4])
def test_a_code_of_another_moment_is_told_as_such(world: World, steps: int) -> None:
    anne = world.holder()
    [result] = world.results(login(anne, anne.code(steps)))
    assert isinstance(result, Rejected)
    assert result.refusal.name == "code-out-of-time"
    assert result.refusal.cause is Cause.CODE_MISTYPED


def test_without_skew_only_the_code_of_now_is_good(world: World) -> None:
    anne = world.holder()
    strict = codes(skew_steps=0)
    got = world.play(login(anne, anne.code(-1)), login(anne, anne.code()), policy=strict)
    assert got == ["code-out-of-time", anne.mailbox]


def test_a_wrong_code_is_refused(world: World) -> None:
    anne = world.holder()
    assert world.play(login(anne, anne.wrong_code())) == ["code-wrong"]


@pytest.mark.parametrize("code", ["12345", "12345a", "１２３４５６"])
def test_what_is_not_six_digits_is_no_code(world: World, code: str) -> None:
    anne = world.holder()
    assert world.play(login(anne, code)) == ["wrong-password"]


def test_a_code_of_an_account_without_telephone_is_refused(world: World) -> None:
    box = world.personal()
    anne = world.holder(box)
    world.grants[-1] = replace(world.grants[-1], totp="")
    assert world.play(login(anne, anne.code())) == ["code-not-enrolled"]


@pytest.mark.parametrize(
    "wrong",
    [{"step_seconds": 0}, {"step_seconds": 121}, {"skew_steps": 5}, {"share_seconds": -1}],
)
def test_a_policy_out_of_bounds_is_refused_in_one_line(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        codes(**wrong)
