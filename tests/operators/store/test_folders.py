"""Folders of a mailbox (RFC 9051 §6.3.4 to §6.3.8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.operators.store import MailStore, StoreError
from sandbox.operators.store.folders import MAX_DEPTH, MAX_FOLDERS, MAX_NAME_OCTETS
from tests.operators.store.scenes import ALICE, BOB, Clock, contents, fill, folder, uids

pytestmark = pytest.mark.anyio


def names(store: MailStore) -> list[str]:
    return [found.name for found in store.folders(ALICE)]


async def test_a_mailbox_begins_with_its_six_folders_subscribed(store: MailStore) -> None:
    assert {found.name: found.special_use for found in store.folders(ALICE)} == {
        "INBOX": "", "Sent": r"\Sent", "Drafts": r"\Drafts", "Trash": r"\Trash",
        "Junk": r"\Junk", "Archive": r"\Archive",
    }  # fmt: skip
    assert all(found.subscribed for found in store.folders(ALICE))
    assert all((found.uid_next, found.mailbox) == (1, ALICE) for found in store.folders(ALICE))


async def test_provisioning_again_changes_nothing(store: MailStore) -> None:
    await store.delete(folder(store, "Junk").id)
    await fill(store, folder(store).id, 1)
    before = store.folders(ALICE)
    await store.provision([ALICE, ALICE.upper(), "new@op1.mssante.test"])
    assert store.folders(ALICE) == before
    assert len(store.folders("NEW@op1.mssante.test")) == 6


async def test_an_unknown_mailbox_is_missing(store: MailStore) -> None:
    with pytest.raises(StoreError, match="missing"):
        store.folders("nobody@op1")
    with pytest.raises(StoreError, match="missing"):
        await store.create("nobody@op1", "x")


async def test_inbox_is_found_in_whatever_case(store: MailStore) -> None:
    assert store.folder(ALICE, "inBox") == store.folder(ALICE, "INBOX")
    assert store.folder(ALICE, "sent") is None


async def test_creating_makes_the_superiors(store: MailStore) -> None:
    made = await store.create(ALICE, "Patients/2026/Cardio", r"\Archive")
    assert made.name == "Patients/2026/Cardio"
    assert {"Patients", "Patients/2026"} < set(names(store))
    assert (made.special_use, folder(store, "Patients").special_use) == (r"\Archive", "")
    assert store.folder(BOB, "Patients") is None


async def test_a_name_is_given_once(store: MailStore) -> None:
    await store.create(ALICE, "x")
    for taken in ("x", "INBOX", "inbox"):
        with pytest.raises(StoreError, match="exists"):
            await store.create(ALICE, taken)


@pytest.mark.parametrize(
    "name", ["", "/", "a//b", "/a", "a/", "a\r\nb", "a\x00", "\u2028", "a\udce9"]
)
async def test_a_name_that_cannot_be_is_refused(store: MailStore, name: str) -> None:
    with pytest.raises(StoreError, match="cannot"):
        await store.create(ALICE, name)


async def test_a_name_may_be_any_text(store: MailStore) -> None:
    for name in ("Reçus à trier", "患者", "👩\u200d⚕️", "a%b*", "~peter", "Boîte\xa0: 1"):
        assert (await store.create(ALICE, name)).name == name


@pytest.mark.parametrize(
    "name", ["é" * (MAX_NAME_OCTETS // 2 + 1), "/".join("x" * (MAX_DEPTH + 1))]
)
async def test_a_name_too_long_or_too_deep_is_refused(store: MailStore, name: str) -> None:
    with pytest.raises(StoreError, match="limit"):
        await store.create(ALICE, name)


async def test_a_mailbox_holds_a_bounded_number_of_folders(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_FOLDERS == 1_000
    monkeypatch.setattr("sandbox.operators.store.folders.MAX_FOLDERS", 8)
    await store.create(ALICE, "a/b")
    with pytest.raises(StoreError, match="limit"):
        await store.create(ALICE, "c")
    with pytest.raises(StoreError, match="limit"):
        await store.rename(folder(store, "Junk").id, "c/Junk")


async def test_subscriptions_are_bounded_although_they_outlive_their_folders(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.operators.store.folders.MAX_SUBSCRIPTIONS", 8)
    for name in ("a", "b", "c"):
        made = await store.create(ALICE, name)
        await store.subscribe(ALICE, name, on=False)
        if name == "c":
            with pytest.raises(StoreError, match="limit"):
                await store.subscribe(ALICE, name, on=True)
        else:
            await store.subscribe(ALICE, name, on=True)
        await store.delete(made.id)


async def test_uid_validity_tells_two_bearers_of_a_name_apart(store: MailStore) -> None:
    seen = {found.uid_validity for found in store.folders(ALICE)}
    assert len(seen) == 6
    for _ in range(3):
        made = await store.create(ALICE, "x/y")
        assert made.uid_validity not in seen
        seen |= {made.uid_validity, folder(store, "x").uid_validity}
        await store.delete(made.id)
        await store.delete(folder(store, "x").id)


async def test_deleting_removes_messages_and_contents(store: MailStore, tmp_path: Path) -> None:
    made = await store.create(ALICE, "x")
    await fill(store, made.id, 3)
    await store.copy(made.id, [2], folder(store).id)
    await store.delete(made.id)
    assert store.folder(ALICE, "x") is None
    assert contents(tmp_path / "mail.db") == 1
    with pytest.raises(StoreError, match="missing"):
        store.rows(made.id)


async def test_inbox_is_never_deleted(store: MailStore) -> None:
    with pytest.raises(StoreError, match="cannot"):
        await store.delete(folder(store).id)


async def test_a_folder_with_inferiors_is_not_deleted(store: MailStore) -> None:
    await store.create(ALICE, "x/y")
    await store.create(ALICE, "x0")
    with pytest.raises(StoreError, match="children"):
        await store.delete(folder(store, "x").id)
    await store.delete(folder(store, "x/y").id)
    await store.delete(folder(store, "x").id)
    assert "x0" in names(store)


async def test_renaming_takes_the_inferiors_along_and_keeps_uids(store: MailStore) -> None:
    inner = await store.create(ALICE, "a/b/c")
    await store.create(ALICE, "ab")
    await fill(store, inner.id, 2)
    await store.rename(folder(store, "a").id, "p/q")
    assert {"p", "p/q", "p/q/b", "p/q/b/c", "ab"} < set(names(store))
    assert store.folder(ALICE, "a") is None
    moved = folder(store, "p/q/b/c")
    assert (moved.id, moved.uid_validity) == (inner.id, inner.uid_validity)
    assert uids(store, moved.id) == [1, 2]


async def test_renaming_needs_a_free_name_outside(store: MailStore) -> None:
    await store.create(ALICE, "a/b")
    for name, kind in [("Sent", "exists"), ("a", "exists"), ("a/c", "cannot"), ("x//y", "cannot")]:
        with pytest.raises(StoreError, match=kind):
            await store.rename(folder(store, "a").id, name)


async def test_renaming_bounds_the_names_of_inferiors_too(store: MailStore) -> None:
    await store.create(ALICE, "a/" + "b" * 900)
    before = names(store)
    with pytest.raises(StoreError, match="limit"):
        await store.rename(folder(store, "a").id, "c" * 200)
    assert names(store) == before


async def test_renaming_inbox_moves_its_messages_and_leaves_its_inferiors(store: MailStore) -> None:
    await store.create(ALICE, "INBOX/sub")
    inbox = folder(store)
    await fill(store, inbox.id, 2)
    await store.expunge(inbox.id)
    await store.rename(inbox.id, "Old/2026")
    assert uids(store, inbox.id) == []
    assert uids(store, folder(store, "Old/2026").id) == [1, 2]
    assert folder(store, "INBOX/sub")
    assert (folder(store).id, folder(store).uid_next) == (inbox.id, 3)


async def test_a_subscription_outlives_its_folder(store: MailStore) -> None:
    made = await store.create(ALICE, "x")
    assert not made.subscribed
    await store.subscribe(ALICE, "x", on=True)
    assert folder(store, "x").subscribed
    await store.delete(made.id)
    assert "x" in store.subscriptions(ALICE)
    await store.subscribe(ALICE, "x", on=False)
    assert "x" not in store.subscriptions(ALICE)


async def test_only_what_exists_is_subscribed_to(store: MailStore) -> None:
    with pytest.raises(StoreError, match="missing"):
        await store.subscribe(ALICE, "nothing", on=True)
    await store.subscribe(ALICE, "nothing", on=False)
    await store.subscribe(ALICE, "inbox", on=False)
    assert not folder(store).subscribed


async def test_a_message_is_recent_to_one_session(store: MailStore, clock: Clock) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 2)
    assert store.recent(inbox) == 1
    assert await store.claim_recent(inbox) == 1
    assert store.recent(inbox) == await store.claim_recent(inbox) == 3
    await fill(store, inbox, 1)
    assert await store.claim_recent(inbox) == 3
