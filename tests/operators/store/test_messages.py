"""Messages of a folder: UIDs, modification sequences, flags, copies, moves, removal."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.operators.store import MailStore, StoreError
from tests.operators.store.scenes import ALICE, BOB, contents, fill, folder, uids

pytestmark = pytest.mark.anyio

SEEN, DELETED, FLAGGED = (frozenset({name}) for name in (r"\Seen", r"\Deleted", r"\Flagged"))


async def test_an_appended_message_is_read_as_given(store: MailStore) -> None:
    sent = folder(store, "Sent").id
    uid = await store.append(sent, b"\x00\xff8bit", frozenset({r"\SEEN", "$Mdn"}), 12.5)
    [row] = store.rows(sent)
    assert (row.uid, row.internal_date, row.size) == (uid, 12.5, 6)
    assert row.flags == {r"\Seen", "$Mdn"}
    assert store.content(row.message) == b"\x00\xff8bit"


async def test_the_identifier_of_a_content_is_equal_for_equal_bytes(store: MailStore) -> None:
    sent = folder(store, "Sent").id
    for text in (b"a", b"b", b"a"):
        await store.append(sent, text, frozenset(), 0.0)
    first, second, third = (row.email_id for row in store.rows(sent))
    assert first == third != second
    assert len(first) < 256
    assert first.isalnum()  # RFC 8474 §4


async def test_a_uid_is_never_used_again(tmp_path: Path) -> None:
    path = tmp_path / "mail.db"
    used: list[int] = []
    for _ in range(3):
        store = await MailStore.open(path)
        await store.provision([ALICE])
        inbox, trash = folder(store).id, folder(store, "Trash").id
        await fill(store, inbox, 1)
        copied = await store.copy(inbox, uids(store, inbox), inbox)
        used += uids(store, inbox)
        await store.move(inbox, [copied[0][0]], trash)
        await store.change_flags(inbox, [copied[0][1]], "+", DELETED)
        await store.expunge(inbox)
        assert uids(store, inbox) == []
        await store.close()
    assert used == sorted(set(used)) == [1, 2, 3, 4, 5, 6]


async def test_a_folder_copied_to_itself_does_not_double_for_ever(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.operators.store.messages.MAX_COPIED", 8)
    inbox = folder(store).id
    await fill(store, inbox, 3)
    await store.copy(inbox, uids(store, inbox), inbox)
    with pytest.raises(StoreError, match="limit"):
        await store.copy(inbox, uids(store, inbox), inbox)
    assert len(uids(store, inbox)) == 6


async def test_flags_are_added_removed_and_replaced(store: MailStore) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 2)
    await store.change_flags(inbox, [1], "+", frozenset({r"\Seen", "$Junk"}))
    assert store.rows(inbox)[0].flags == {r"\Seen", "$Junk"}
    await store.change_flags(inbox, [1], "-", SEEN)
    assert store.rows(inbox)[0].flags == {"$Junk"}
    await store.change_flags(inbox, [1], "=", FLAGGED)
    assert store.rows(inbox)[0].flags == FLAGGED
    assert store.rows(inbox)[1].flags == frozenset()


async def test_a_keyword_is_one_in_whatever_case_and_keeps_its_first(store: MailStore) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 1)
    await store.change_flags(inbox, [1], "+", frozenset({"$Forwarded"}))
    await store.change_flags(inbox, [1], "+", frozenset({"$FORWARDED"}))
    assert store.rows(inbox)[0].flags == {"$Forwarded"}
    await store.change_flags(inbox, [1], "-", frozenset({"$forwarded"}))
    assert store.rows(inbox)[0].flags == frozenset()


async def test_recent_is_not_a_flag_that_is_kept(store: MailStore) -> None:
    inbox = folder(store).id
    await store.append(inbox, b"x", frozenset({r"\Recent", r"\Seen"}), 0.0)
    assert store.rows(inbox)[0].flags == SEEN


@pytest.mark.parametrize("flag", [r"\Unheard", "two words", "a(b", "caf\u00e9", "a\r\n", "", "x*"])
async def test_a_flag_that_cannot_be_is_refused(store: MailStore, flag: str) -> None:
    inbox = folder(store).id
    with pytest.raises(StoreError, match="cannot"):
        await store.append(inbox, b"x", frozenset({flag}), 0.0)
    assert uids(store, inbox) == []


async def test_flags_of_a_message_are_bounded(store: MailStore, tmp_path: Path) -> None:
    inbox = folder(store).id
    many = frozenset(f"k{number}" for number in range(101))
    for flags in (many, frozenset({"k" * 101})):
        with pytest.raises(StoreError, match="limit"):
            await store.append(inbox, b"x", flags, 0.0)
    assert contents(tmp_path / "mail.db") == 0
    await store.append(inbox, b"x", frozenset(list(many)[:100]), 0.0)
    with pytest.raises(StoreError, match="limit"):
        await store.change_flags(inbox, [1], "+", many)


async def test_only_a_difference_raises_the_modification_sequence(store: MailStore) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 2)
    before = folder(store).highest_modseq
    rows, spared = await store.change_flags(inbox, [1, 2, 9], "+", SEEN)
    assert [row.uid for row in rows] == [1, 2]
    assert [row.modseq for row in rows] == [before + 1, before + 1]
    assert (spared, rows) == ([], store.rows(inbox))
    assert folder(store).highest_modseq == before + 1
    again, _ = await store.change_flags(inbox, [1, 2], "+", SEEN)
    assert again == rows
    assert folder(store).highest_modseq == before + 1


async def test_every_change_of_a_folder_raises_its_modification_sequence(store: MailStore) -> None:
    inbox, trash = folder(store).id, folder(store, "Trash").id
    steps = [
        lambda: store.append(inbox, b"x", frozenset(), 0.0),
        lambda: store.append(inbox, b"y", frozenset(), 0.0),
        lambda: store.change_flags(inbox, [1], "+", DELETED),
        lambda: store.copy(inbox, [1], inbox),
        lambda: store.expunge(inbox, [1]),
        lambda: store.move(inbox, [2], trash),
    ]
    seen = [folder(store).highest_modseq]
    for step in steps:
        await step()
        seen.append(folder(store).highest_modseq)
    assert seen == sorted(set(seen))
    assert all(row.modseq <= seen[-1] for row in store.rows(inbox))


async def test_unchanged_since_spares_what_changed_later(store: MailStore) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 3)
    known = folder(store).highest_modseq
    await store.change_flags(inbox, [2], "+", SEEN)
    rows, spared = await store.change_flags(inbox, [1, 2, 3], "+", FLAGGED, unchanged_since=known)
    assert [row.uid for row in rows] == [1, 3]
    assert spared == [2]
    assert store.rows(inbox)[1].flags == SEEN


async def test_only_deleted_messages_are_expunged(store: MailStore, tmp_path: Path) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 4)
    await store.change_flags(inbox, [1, 3, 4], "+", DELETED)
    assert await store.expunge(inbox, [1, 2]) == [1]
    assert await store.expunge(inbox) == [3, 4]
    assert await store.expunge(inbox) == []
    assert uids(store, inbox) == [2]
    assert contents(tmp_path / "mail.db") == 1


async def test_a_copy_keeps_flags_date_and_content(store: MailStore, tmp_path: Path) -> None:
    inbox, trash = folder(store).id, folder(store, "Trash").id
    await fill(store, trash, 1)
    await store.append(inbox, b"x", SEEN, 7.0)
    await store.append(inbox, b"y", FLAGGED, 8.0)
    assert await store.copy(inbox, [2, 1, 99], trash) == [(1, 2), (2, 3)]
    old, new = store.rows(inbox), store.rows(trash)[1:]
    same = [(row.flags, row.internal_date, row.size, row.message, row.email_id) for row in old]
    assert same == [
        (row.flags, row.internal_date, row.size, row.message, row.email_id) for row in new
    ]
    assert contents(tmp_path / "mail.db") == 3


async def test_a_content_lasts_as_long_as_its_last_copy(store: MailStore, tmp_path: Path) -> None:
    inbox = folder(store).id
    await store.append(inbox, b"x", DELETED, 0.0)
    await store.copy(inbox, [1], inbox)
    await store.expunge(inbox, [1])
    [left] = store.rows(inbox)
    assert store.content(left.message) == b"x"
    await store.expunge(inbox)
    assert contents(tmp_path / "mail.db") == 0
    with pytest.raises(StoreError, match="missing"):
        store.content(left.message)


async def test_a_moved_message_is_in_one_place(store: MailStore, tmp_path: Path) -> None:
    inbox, trash = folder(store).id, folder(store, "Trash").id
    await fill(store, inbox, 3)
    assert await store.move(inbox, [3, 1], trash) == [(1, 1), (3, 2)]
    assert uids(store, inbox) == [2]
    assert uids(store, trash) == [1, 2]
    assert contents(tmp_path / "mail.db") == 3


async def test_a_move_within_a_folder_gives_a_new_uid(store: MailStore) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 2)
    assert await store.move(inbox, [1], inbox) == [(1, 3)]
    assert uids(store, inbox) == [2, 3]


async def test_a_folder_that_is_gone_is_missing_to_every_operation(store: MailStore) -> None:
    gone = await store.create(ALICE, "gone")
    inbox = folder(store).id
    await fill(store, inbox, 1)
    await store.delete(gone.id)
    for operation in (
        lambda: store.append(gone.id, b"x", frozenset(), 0.0),
        lambda: store.change_flags(gone.id, [1], "+", SEEN),
        lambda: store.expunge(gone.id),
        lambda: store.copy(gone.id, [1], inbox),
        lambda: store.copy(inbox, [1], gone.id),
        lambda: store.copy(inbox, [99], gone.id),
        lambda: store.move(inbox, [1], gone.id),
        lambda: store.delete(gone.id),
        lambda: store.rename(gone.id, "x"),
        lambda: store.claim_recent(gone.id),
    ):
        with pytest.raises(StoreError, match="missing"):
            await operation()
    assert uids(store, inbox) == [1]


async def test_a_listing_is_the_callers_own(store: MailStore) -> None:
    inbox = folder(store).id
    await fill(store, inbox, 2)
    store.rows(inbox).clear()
    assert uids(store, inbox) == [1, 2]


async def test_listings_stay_right_when_few_are_kept(
    store: MailStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.operators.store.listing.KEPT_ROWS", 3)
    both = folder(store).id, folder(store, mailbox=BOB).id
    for round_ in range(1, 6):
        for inbox in both:
            await fill(store, inbox, 1)
            await store.change_flags(inbox, [1], "+" if round_ % 2 else "-", SEEN)
            assert uids(store, inbox) == list(range(1, round_ + 1))
            assert (store.rows(inbox)[0].flags == SEEN) == bool(round_ % 2)
