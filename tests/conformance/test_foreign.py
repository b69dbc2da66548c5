"""The file of a foreign operator: what the documentation shows is read, what is wrong is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sandbox.conformance.cli_check import check
from sandbox.conformance.foreign import from_file
from sandbox.space.errors import UserError

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
FILES = ("roots.pem", "other/chain.pem", "other/key.pem", "bad/chain.pem", "bad/key.pem")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example of the documentation, with the files that it names."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(r"<!-- example: foreign.toml -->\n```toml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = tmp_path / "foreign.toml"
    path.write_text(found[1], encoding="utf-8")
    return path


def test_the_example_of_the_documentation_is_read(example: Path) -> None:
    subject = from_file(example)
    assert [each.name for each in subject.doors] == ["imap", "smtp"]
    assert [each.address for each in subject.accounts] == [
        "anne@op.mssante.test", "bob@op.mssante.test",
    ]  # fmt: skip
    assert subject.relay is not None
    assert subject.neighbour is not None
    assert set(subject.bad) == {"relay-expired"}
    assert subject.dns == ("127.0.0.1", 53)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("port = 993", 'port = "many"', "endpoints.0.port"),
        ("port = 993", "port = 99300", "endpoints.0.port"),
        ('protocol = "imap"', 'protocol = "pop"', "endpoints.0.protocol"),
        ('method = "password"', 'method = "passwort"', "accounts.0.method"),
        ('domain = "op.mssante.test"', 'domein = "op.mssante.test"', "domain"),
        ('password = "…"', 'password = "x"\nsecret = "ABC"', "accounts.0.secret"),
        ('roots = "roots.pem"', 'roots = "nowhere.pem"', "nowhere.pem"),
        ("[[endpoints]]", "[[endpoints", "foreign.toml"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(
    example: Path, old: str, new: str, where: str
) -> None:
    text = example.read_text(encoding="utf-8")
    assert old in text
    example.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        from_file(example)
    assert where in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "options", [("--only", "nothing"), ("--space", "{example}", "--design", "single-endpoint")]
)
def test_an_option_that_makes_no_sense_is_refused(example: Path, options: tuple[str, ...]) -> None:
    words = ["operator", *(each.format(example=example) for each in options)]
    result = CliRunner().invoke(check, words)
    assert isinstance(result.exception, UserError)


def test_an_operator_that_is_not_there_is_inconclusive(example: Path) -> None:
    text = example.read_text(encoding="utf-8").replace("port = 993", "port = 1")
    example.write_text(text, encoding="utf-8")
    words = ["operator", "--space", str(example), "--only", "imap-revision"]
    result = CliRunner().invoke(check, words)
    assert result.exit_code == 4
    assert "injoignable / unreachable" in result.output
