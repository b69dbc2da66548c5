"""Every refusal, in every package, is explained in French and in English."""

from __future__ import annotations

import pytest

from sandbox.observations.schema import Reason
from tests.vocabulary import all_reasons

REASONS = all_reasons()


@pytest.mark.parametrize("reason", [each[0] for each in REASONS.values()], ids=lambda r: r.name)
def test_a_reason_says_what_where_it_is_written_and_what_would_have_worked(reason: Reason) -> None:
    for words in (reason.what, reason.remedy):
        assert words.french != words.english
        for text in words:
            assert text.endswith((".", "?", ":"))
            assert len(text) < 200
    assert reason.clause


def test_a_name_in_a_journal_means_one_reason() -> None:
    assert [name for name, same in REASONS.items() if len(same) > 1] == []


def test_all_packages_that_refuse_are_walked() -> None:
    names = {name for package, name in REASONS if package == "operators"}
    assert {"wrong-password", "ciba-refused", "smtp-size", "relay-dn-unlisted", "loop"} <= names
    assert {"psc"} <= {package for package, _ in REASONS}
