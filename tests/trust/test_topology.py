"""What a list says of who serves what: each domain has one operator."""

from datetime import timedelta

from sandbox.trust import (
    DomainList,
    ListEntry,
    parse_dn,
    topology,
    verify_list,
)

from .conftest import now
from .lists import DN_A, DN_B, T0


def test_the_topology_of_a_list_gives_each_domain_to_one_operator(real_size, policy):
    domains = verify_list(real_size, policy, now()).domains
    rows = topology(domains)
    kinds = [row.identifier_kind for row in rows]
    assert (len(rows), kinds.count("FINESS"), kinds.count("SIRET")) == (343, 300, 43)
    assert sorted(d for row in rows for d in row.domains) == sorted(domains.domains)
    assert sum(len(row.certificates) for row in rows) == 391
    assert [len(r.domains) for r in rows] == sorted((len(r.domains) for r in rows), reverse=True)


def test_a_shared_domain_goes_to_the_operator_listed_last():
    older = ListEntry(domain="x.test", certificate=DN_A, updated=T0)
    newer = ListEntry(domain="x.test", certificate=DN_B, updated=T0 + timedelta(days=1))
    for order in ((older, newer), (newer, older)):
        rows = {row.name: row for row in topology(DomainList(T0, order))}
        assert (rows["B"].domains, rows["B"].shared) == (("x.test",), ())
        assert (rows["A"].domains, rows["A"].shared) == ((), ("x.test",))
    assert rows["B"].identifier == "99999999900003"


def test_an_operator_takes_its_most_frequent_spelling():
    odd = parse_dn("CN=mx2.a.mssante.test,OU=1119999993,O=A (ancien nom),ST=Aude (11),C=FR")
    entries = [ListEntry(domain=f"{n}.test", certificate=DN_A) for n in "xy"]
    entries.append(ListEntry(domain="z.test", certificate=odd))
    (row,) = topology(DomainList(T0, tuple(entries)))
    assert (row.name, len(row.certificates), row.domains) == (
        "A",
        2,
        ("x.test", "y.test", "z.test"),
    )
