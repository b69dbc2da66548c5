"""Passwords, secrets and used codes: how they are drawn, kept and forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from sandbox.observations.schema import Words
from sandbox.operators.auth.accounts import (
    Accounts,
    Grant,
    SecretState,
    digest_of,
    new_totp_secret,
    private_database,
)
from sandbox.operators.auth.used_codes import Use, UsedCodes
from sandbox.space.errors import UserError
from sandbox.space.methods import Method
from tests.operators.auth.world import new_password

BOX, WHO = "anne@op1.mssante.test", "899999999990"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.db", clock=lambda: 1_000.0)


def test_the_file_is_its_owner_s_and_holds_no_password(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    accounts, password = Accounts(path), new_password()
    accounts.put([Grant(mailbox=BOX, identity=WHO, password=password)])
    files = list(tmp_path.iterdir())
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert not any(password.encode() in each.read_bytes() for each in files)
    accounts.close()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    path.touch(0o644)
    Accounts(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_commit_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    database = private_database(
        tmp_path / "any.db", "CREATE TABLE t(x)", Words("de choses", "things")
    )
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    database.close()


def test_an_access_is_kept_and_replaced(accounts: Accounts) -> None:
    first, second = new_password(), new_password()
    accounts.put([Grant(mailbox=BOX.upper(), identity=WHO, password=first)])
    accounts.put([Grant(mailbox=BOX, identity=WHO, password=second, held=Method.SMS)])
    kept = accounts.access(BOX, WHO)
    assert kept is not None
    assert kept.digest == digest_of(second, kept.salt)
    assert kept.held is Method.SMS
    accounts.close()


def test_granting_the_same_secret_twice_keeps_one(accounts: Accounts) -> None:
    grant = Grant(mailbox=BOX, identity=WHO, password=new_password(), totp=new_totp_secret())
    accounts.put([grant])
    accounts.put([grant])
    assert [each.secret for each in accounts.secrets(BOX, WHO)] == [grant.totp]
    accounts.close()


def test_an_access_that_is_taken_away_leaves_no_secret_that_counts(accounts: Accounts) -> None:
    grant = Grant(mailbox=BOX, identity=WHO, password=new_password(), totp=new_totp_secret())
    accounts.put([grant])
    accounts.remove(BOX, WHO)
    assert accounts.access(BOX, WHO) is None
    assert accounts.secrets(BOX, WHO) == []
    accounts.close()


def test_an_enrolled_secret_counts_once_confirmed_and_until_revoked(accounts: Accounts) -> None:
    secret = accounts.enrol(BOX, WHO, "téléphone")
    assert accounts.secrets(BOX, WHO) == []
    accounts.become(secret, SecretState.CONFIRMED)
    assert [each.label for each in accounts.secrets(BOX, WHO)] == ["téléphone"]
    accounts.become(secret, SecretState.REVOKED)
    assert accounts.secrets(BOX, WHO) == []
    accounts.close()


def test_a_new_enrolment_takes_the_place_of_one_that_was_not_confirmed(accounts: Accounts) -> None:
    first, second = accounts.enrol(BOX, WHO), accounts.enrol(BOX, WHO)
    assert first.secret != second.secret
    assert accounts.secrets(BOX, WHO, SecretState.PENDING) == [second]
    accounts.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "azerty"},
        {"password": "aaaaa-bbbbb-ccccc-ddddd"},
        {"password": new_password(), "totp": "AAAA"},
        {"password": new_password(), "held": Method.CPS},
    ],
)
def test_a_grant_of_weak_secrets_is_refused_in_one_line(wrong: dict[str, str]) -> None:
    with pytest.raises(UserError, match=BOX):
        Grant(mailbox=BOX, identity=WHO, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["accounts", "codes"])
def test_a_file_that_is_another_thing_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"not a database, whatever its name" * 100)
    with pytest.raises(UserError, match="not a file of"):
        Accounts(path) if kind == "accounts" else UsedCodes(path, keep=90, now=0)


# Used codes -------------------------------------------------------------------------------------


def use(secret: int, step: int, at: float) -> Use:
    return Use(secret, step, "123456", "127.0.0.1", at)


def test_codes_used_together_are_all_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "codes.db"

    async def work() -> int:
        first = UsedCodes(path, keep=90, now=0)
        await asyncio.gather(*(first.add(use(number, 1, 1.0)) for number in range(200)))
        # Another reader of the same file, while the first is still open.
        second = UsedCodes(path, keep=90, now=2)
        found = sum(len(second.of(number)) for number in range(200))
        await first.close()
        await second.close()
        return found

    assert asyncio.run(work()) == 200


def test_a_code_that_the_disk_refuses_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_codes: UsedCodes, _uses: list[Use]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(UsedCodes, "_write", full)

    async def work() -> list[Use]:
        codes = UsedCodes(tmp_path / "codes.db", keep=90, now=0)
        with pytest.raises(sqlite3.OperationalError):
            await codes.add(use(1, 1, 1.0))
        kept = list(codes.of(1))
        await codes.close()
        return kept

    assert asyncio.run(work()) == [use(1, 1, 1.0)]


def test_a_use_counts_from_the_moment_it_is_added(tmp_path: Path) -> None:
    async def work() -> list[Use]:
        codes = UsedCodes(tmp_path / "codes.db", keep=90, now=0)
        adding = asyncio.ensure_future(codes.add(use(1, 1, 1.0)))
        await asyncio.sleep(0)
        seen = list(codes.of(1))
        await adding
        await codes.close()
        return seen

    assert asyncio.run(work()) == [use(1, 1, 1.0)]


def test_a_client_that_goes_away_meanwhile_leaves_the_code_used(tmp_path: Path) -> None:
    path = tmp_path / "codes.db"

    async def work() -> list[Use]:
        codes = UsedCodes(path, keep=90, now=0)
        adding = asyncio.ensure_future(codes.add(use(1, 1, 1.0)))
        await asyncio.sleep(0)
        adding.cancel()
        await codes.close()
        again = UsedCodes(path, keep=90, now=2)
        kept = list(again.of(1))
        await again.close()
        return kept

    assert asyncio.run(work()) == [use(1, 1, 1.0)]


def test_uses_that_do_not_matter_any_more_are_forgotten(tmp_path: Path) -> None:
    async def work() -> list[list[Use]]:
        codes = UsedCodes(tmp_path / "codes.db", keep=90, now=0)
        await codes.add(use(1, 1, 1.0))
        await codes.add(use(1, 2, 50.0))
        await codes.add(use(2, 1, 100.0))
        left = [list(codes.of(1)), list(codes.of(2))]
        await codes.close()
        return left

    assert asyncio.run(work()) == [[use(1, 2, 50.0)], [use(2, 1, 100.0)]]
