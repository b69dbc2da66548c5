"""The designs of the deck as data: what an operator must keep, and what a design may not be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.space.designs import BUILT_IN, PROTOCOLS, Design, Endpoint
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

# design -> certificates, DNS records, public addresses, firewall openings, places an editor holds.
# Multi-endpoint: deck, "8 certificats, 8 entrées DNS, 8 IP publiques". Single and multi-port: deck
# and design.md's table. SNI: one address and one certificate with eight names. API LPS 2023: one
# name per method shared by IMAP and SMTP, found by SRV (domain.md §1.2).
DECK = {
    "single-endpoint": (2, 2, 2, 0, 2),
    "multi-endpoint": (8, 8, 8, 0, 8),
    "multi-port": (2, 2, 2, 8, 8),
    "multi-endpoint-sni": (1, 8, 1, 0, 8),
    "api-lps-2023": (4, 4, 4, 0, 0),
    # Multi-port again, what is typed on 993 and 465.
    "multi-port-codes": (2, 2, 2, 4, 6),
}
CERTIFIED = {Method.CPS, Method.CERTIFICATE}


@pytest.mark.parametrize(("name", "counts"), DECK.items())
def test_a_design_needs_what_the_deck_says(name: str, counts: tuple[int, ...]) -> None:
    design = BUILT_IN[name]
    assert (
        design.certificates, design.dns_records, design.public_addresses,
        design.firewall_openings, design.editor_urls,
    ) == counts  # fmt: skip


def test_the_built_in_designs_are_those_of_the_brief() -> None:
    assert list(BUILT_IN) == list(DECK)


@pytest.mark.parametrize("design", BUILT_IN.values(), ids=BUILT_IN)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("method", Method)
class TestEveryDesign:
    def test_serves_every_method_once(self, design: Design, protocol: str, method: Method) -> None:
        serving = [e for e in design.endpoints if e.protocol == protocol and method in e.methods]
        assert serving == [design.endpoint(protocol, method)]

    def test_asks_for_the_certificate_that_a_method_needs(
        self, design: Design, protocol: str, method: Method
    ) -> None:
        asked = design.endpoint(protocol, method).client_certificate
        assert asked != ("none" if method in CERTIFIED else "required")


def test_the_name_of_an_endpoint_follows_the_deck() -> None:
    """`frontimap.ciba.{opérateur}`."""
    assert BUILT_IN["multi-endpoint"].endpoint("imap", Method.ECPS).host == (
        "frontimap.ciba.{operator}"
    )


@pytest.mark.parametrize("name", ["single-endpoint", "multi-endpoint", "multi-endpoint-sni"])
def test_designs_on_standard_ports_use_implicit_tls(name: str) -> None:
    assert {(e.protocol, e.port) for e in BUILT_IN[name].endpoints} == {
        ("imap", 993), ("smtp", 465)
    }  # fmt: skip


def test_codes_stay_on_the_standard_ports_and_certificates_leave_them() -> None:
    design = BUILT_IN["multi-port-codes"]
    for protocol in PROTOCOLS:
        for method in Method:
            assert design.endpoint(protocol, method).standard_port == (method not in CERTIFIED)


def test_api_lps_uses_starttls_on_143_and_587() -> None:
    places = {(e.protocol, e.port, e.tls) for e in BUILT_IN["api-lps-2023"].endpoints}
    assert places == {("imap", 143, "starttls"), ("smtp", 587, "starttls")}


class TestRefuses:
    """A wrong design does not exist as a value."""

    def door(self, protocol: str, **changes: object) -> Endpoint:
        base = Endpoint(
            name=protocol, protocol=protocol, methods=tuple(Method), host=protocol,
            address=protocol, port=993, certificate="c", tls="implicit",
            client_certificate="optional",
        )  # fmt: skip
        return replace(base, **changes)  # type: ignore[arg-type]

    def test_two_endpoints_for_one_method(self) -> None:
        doors = (self.door("imap"), self.door("imap", name="other", port=1), self.door("smtp"))
        with pytest.raises(UserError, match=r"imap, cps: .*exactly one endpoint .* not imap, o"):
            Design("d", "", "", doors)

    def test_two_endpoints_on_one_address_and_port(self) -> None:
        doors = (self.door("imap", address="one"), self.door("smtp", address="one"))
        with pytest.raises(UserError, match="share one address and port"):
            Design("d", "", "", doors)

    def test_names_behind_one_proxy_may_share_them(self) -> None:
        doors = (self.door("imap", address="one"), self.door("smtp", address="one"))
        assert Design("d", "", "", doors, shared_front=True).public_addresses == 1
