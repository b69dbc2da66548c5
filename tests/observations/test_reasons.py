"""Every refusal, in every package, is explained in French and in English."""

from __future__ import annotations

import pytest

from sandbox.observations.schema import Reason
from tests.vocabulary import all_reasons

Reasons = dict[tuple[str, str], list[Reason]]


@pytest.fixture(scope="module")
def reasons() -> Reasons:
    return all_reasons()


def test_a_reason_says_what_where_it_is_written_and_what_would_have_worked(
    reasons: Reasons,
) -> None:
    for name, (reason, *_) in reasons.items():
        for words in (reason.what, reason.remedy):
            assert words.french != words.english, name
            for text in words:
                assert text.endswith((".", "?", ":")), name
                assert len(text) < 200, name
        assert reason.clause, name


def test_a_name_in_a_journal_means_one_reason(reasons: Reasons) -> None:
    assert [name for name, same in reasons.items() if len(same) > 1] == []


def test_all_packages_that_refuse_are_walked(reasons: Reasons) -> None:
    names = {name for package, name in reasons if package == "operators"}
    assert {"wrong-password", "ciba-refused", "smtp-size", "relay-dn-unlisted", "loop"} <= names
    assert {"psc"} <= {package for package, _ in reasons}
