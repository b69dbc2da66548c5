"""What a list authorises, and the history that it is made from."""

import json
from datetime import timedelta

import pytest

from sandbox.space.errors import UserError
from sandbox.trust import (
    DomainLedger,
    DomainList,
    ListEntry,
    dn_of,
    parse_dn,
)

from .lists import DN_A, DN_B, T0


def test_a_certificate_speaks_for_its_domains_only(ca, good):
    mine = ListEntry(domain="op1.mssante.test", certificate=dn_of(good.certificate))
    domains = DomainList(T0, (mine, ListEntry(domain="b.mssante.test", certificate=DN_B)))
    name = parse_dn(str(dn_of(good.certificate)).replace(",", ",  "))
    assert domains.authorises("OP1.mssante.test.", name)
    assert not domains.authorises("b.mssante.test", name)
    assert not domains.authorises("", name)
    assert domains.domains_of(name) == {"op1.mssante.test"}


def test_history_gives_the_list_of_any_day():
    ledger = DomainLedger()
    day = timedelta(days=1)
    ledger.add("x.mssante.test", [DN_A], T0, description="Le domaine", support="s@x.test")
    ledger.migrate("x.mssante.test", [DN_B], T0 + day)
    ledger.remove("x.mssante.test", T0 + 2 * day)

    def entries(when):
        return [(e.certificate, e.description, e.support) for e in ledger.at(when).entries]

    assert entries(T0 - day) == []
    assert entries(T0) == [(DN_A, "Le domaine", "s@x.test")]
    assert entries(T0 + day) == [(DN_B, "Le domaine", "s@x.test")]
    assert entries(T0 + 2 * day) == []
    assert [e["event"] for e in ledger.history("x.mssante.test")] == ["add", "migrate", "remove"]


def test_history_is_shared_through_its_file(tmp_path):
    path = tmp_path / "history.jsonl"
    one, two = DomainLedger(path), DomainLedger(path)
    one.add("x.mssante.test", [DN_A], T0)
    assert two.at(T0).domains == {"x.mssante.test"}
    assert json.loads(path.read_text())["certificates"] == [str(DN_A)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda h: h.add("x.mssante.test", [DN_A], T0), "already authorised"),
        (lambda h: h.add("y.mssante.test", [], T0), "at least one"),
        (lambda h: h.add("nodots", [DN_A], T0), "not a domain"),
        (lambda h: h.remove("y.mssante.test", T0), "not on the list"),
        (lambda h: h.migrate("y.mssante.test", [DN_B], T0), "not on the list"),
        (lambda h: h.migrate("x.mssante.test", [], T0), "at least one"),
        (lambda h: h.remove("x.mssante.test", T0 - timedelta(days=1)), "not on the list"),
        (lambda h: h.add("z.mssante.test", [DN_B], T0 - timedelta(days=1)), "give a later date"),
    ],
)
def test_a_change_that_cannot_be_says_why(act, message):
    ledger = DomainLedger()
    ledger.add("x.mssante.test", [DN_A], T0)
    with pytest.raises(UserError, match=message):
        act(ledger)
