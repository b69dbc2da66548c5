"""What an operator publishes follows from its design."""

from __future__ import annotations

import pytest

from sandbox.space.designs import BUILT_IN
from sandbox.space.errors import UserError
from sandbox.trust.design_zone import zone_of_designs


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_design_has_as_many_names_and_addresses_as_it_costs(name: str) -> None:
    design = BUILT_IN[name]
    hosts = [h for h in zone_of_designs([design], ["op001"]).hosts if not h.name.startswith("mx.")]
    assert len(hosts) == design.dns_records
    assert len({host.addresses for host in hosts}) == design.public_addresses


def test_the_deck_s_names_are_published() -> None:
    names = {host.name for host in zone_of_designs([BUILT_IN["multi-endpoint"]], ["op001"]).hosts}
    assert "frontimap.ciba.op001.mssante.test" in names


def test_operators_never_share_an_address() -> None:
    operators = [f"op{number:03d}" for number in range(600)]
    hosts = zone_of_designs([BUILT_IN["multi-endpoint"]], operators).hosts
    assert len({host.addresses for host in hosts}) == len(hosts)
    assert all(address.startswith("127.") for host in hosts for address in host.addresses)


def test_a_method_has_an_srv_label_of_its_own() -> None:
    (domain,) = zone_of_designs([BUILT_IN["api-lps-2023"]], ["op001"], port_offset=10000).domains
    ciba = {(s.label, s.target, s.port) for s in domain.services if s.label.startswith("ciba.")}
    host = "mail-ciba.op001.mssante.test"
    assert ciba == {("ciba._imap", host, 10143), ("ciba._submission", host, 10587)}
    plain = [service.priority for service in domain.services if service.label == "imap"]
    assert plain == [10, 20, 30, 40]


def test_more_operators_than_loopback_holds_are_refused() -> None:
    with pytest.raises(UserError, match="at most"):
        zone_of_designs([BUILT_IN["single-endpoint"]], ["x"] * 70_000)


def test_designs_side_by_side_share_no_name_and_no_address() -> None:
    designs = [BUILT_IN["multi-endpoint"], BUILT_IN["multi-port"], BUILT_IN["single-endpoint"]]
    zone = zone_of_designs(designs, ["op001", "op002"])
    names = [host.name for host in zone.hosts]
    assert len(set(names)) == len(names)
    assert len({host.addresses for host in zone.hosts}) == len(names)
    assert "frontimap.ciba.op001.mssante.test" in names
    assert "imap.op001.multi-port.mssante.test" in names


def test_a_further_design_is_discovered_under_its_own_name_and_takes_no_mail() -> None:
    designs = [BUILT_IN["multi-endpoint"], BUILT_IN["api-lps-2023"]]
    first, further = zone_of_designs(designs, ["op001"]).domains
    assert (first.name, bool(first.relays)) == ("op001.mssante.test", True)
    assert (further.name, bool(further.relays)) == ("op001.api-lps-2023.mssante.test", False)
    assert {s.label for s in further.services if "." not in s.label} == {"imap", "submission"}
    assert all(s.target.endswith(".api-lps-2023.mssante.test") for s in further.services)
