"""A list whose roots the reader has not: an anchor that he gives, or its topology alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from sandbox.cli import cli
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.trust import DomainLedger, KeyKind, TestCA, parse_dn, sign_list
from sandbox.trust.issuing import certificate_pem

from .conftest import ORG

NAME = parse_dn("CN=mx1.a.mssante.test,OU=1119999993,O=A,ST=Aude (11),C=FR")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A list, its signer, its intermediate, its root, and another authority's intermediate."""
    folder = tmp_path_factory.mktemp("list")
    ca, other = TestCA(key_kind=KeyKind.RSA_2048), TestCA(key_kind=KeyKind.P256)
    signer = ca.list_signing(ORG, "alb.mssante.test", "alb@mssante.test")
    stranger = other.list_signing(ORG, "alb.mssante.test", "alb@mssante.test")
    ledger = DomainLedger(folder / "history.jsonl")
    ledger.add("a.mssante.test", [NAME], datetime.now(UTC))
    (folder / "list.xml").write_bytes(sign_list(ledger.at(datetime.now(UTC)), signer))
    for name, certificate in {
        "signer": signer.certificate, "intermediate": signer.chain[0], "root": signer.chain[-1],
        "other": stranger.chain[0],
    }.items():  # fmt: skip
        (folder / f"{name}.pem").write_bytes(certificate_pem(certificate))
    return SimpleNamespace(folder=folder, file=str(folder / "list.xml"))


def verify(made: SimpleNamespace, *words: str) -> Result:
    return CliRunner().invoke(cli, ["list", "verify", made.file, "--json", *words])


@pytest.mark.parametrize("anchor", ["signer", "intermediate"])
def test_an_anchor_below_the_root_is_good_when_told_so(made: SimpleNamespace, anchor: str) -> None:
    ca = str(made.folder / f"{anchor}.pem")
    assert json.loads(verify(made, "--ca", ca, "--partial-chain").stdout)["verdict"] == "good"
    untold = verify(made, "--ca", ca)
    assert isinstance(untold.exception, UserError)
    assert "--partial-chain" in str(untold.exception)


@pytest.mark.parametrize("anchor", ["other", "root"])
def test_an_anchor_that_did_not_issue_the_signer_is_no_anchor(
    made: SimpleNamespace, anchor: str
) -> None:
    result = verify(made, "--ca", str(made.folder / f"{anchor}.pem"), "--partial-chain")
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "untrusted")


def test_a_list_that_was_changed_is_refused_whatever_the_anchor(
    made: SimpleNamespace, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.xml"
    text = Path(made.file).read_text("utf-8").replace("a.mssante.test", "b.mssante.test")
    changed.write_text(text, "utf-8")
    words = ["list", "verify", str(changed), "--json", "--ca", str(made.folder / "signer.pem")]
    result = CliRunner().invoke(cli, [*words, "--partial-chain"])
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "tampered")


def test_an_unverified_list_is_read_and_loudly_marked(made: SimpleNamespace) -> None:
    result = verify(made, "--unverified")
    assert json.loads(result.stdout)["verdict"] == "unverified"
    assert "NOT VERIFIED" in result.stderr
    plain = CliRunner().invoke(cli, ["list", "verify", made.file, "--unverified"])
    assert "NOT VERIFIED" in plain.stdout


def test_unverified_and_an_authority_exclude_each_other(made: SimpleNamespace) -> None:
    result = verify(made, "--unverified", "--ca", str(made.folder / "root.pem"))
    assert isinstance(result.exception, UserError)


def test_a_scenario_of_an_unverified_list_says_so_in_its_title(
    made: SimpleNamespace, tmp_path: Path
) -> None:
    out = tmp_path / "topologie.toml"
    words = ["scenario", "from-list", made.file, "--unverified", "--base", "demo"]
    result = CliRunner().invoke(cli, [*words, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "NON VÉRIFIÉE" in load_scenario(str(out)).title
    assert "NOT VERIFIED" in out.read_text("utf-8")
