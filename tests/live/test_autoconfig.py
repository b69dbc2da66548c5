"""Autoconfiguration as mail software reads it: bytes in, bytes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sandbox.live.autoconfig import Discovery, autoconfig, autoconfig_handler, autodiscover
from sandbox.live.plan import SpacePlan
from sandbox.serve.plain import Request, Response
from sandbox.space.designs import BUILT_IN
from sandbox.space.methods import Mechanism, Method

Ask = Callable[..., Response]
# Mozilla's words. Thunderbird itself takes passwords, and passes over what it cannot do.
AUTHENTICATIONS = {"password-cleartext", "OAuth2", "TLS-client-cert"}
MOZILLA = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
SOCKETS = {"SSL", "STARTTLS"}
OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
POX = (
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/'
    'requestschema/2006"><Request><EMailAddress>{}</EMailAddress><AcceptableResponseSchema>'
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
    "</AcceptableResponseSchema></Request></Autodiscover>"
)


def discoveries(plan: SpacePlan) -> dict[str, Discovery]:
    operator = plan.operators[0]
    return {
        base: Discovery(
            domain=base,
            name="OP",
            endpoints=tuple(e for e in operator.endpoints if e.design == design),
            policy=plan.policy,
            issuer="https://127.0.0.1:1/realm",
            authorization="https://127.0.0.1:1/auth",
            token="https://127.0.0.1:1/token",
        )
        for base, design in operator.discovery
    }


@pytest.fixture(scope="module")
def ask(plan: SpacePlan) -> Ask:
    handler = autoconfig_handler(discoveries(plan))

    def request(
        path: str, method: str = "GET", body: str = "", host: str = "autoconfig.op001.mssante.test"
    ) -> Response:
        return handler(
            Request(method=method, path=path, headers={"host": host}, body=body.encode())
        )

    return request


def servers(found: Discovery, tag: str) -> list[dict[str, str]]:
    root = etree.fromstring(autoconfig(found))
    return [
        {"type": server.get("type") or "", **{each.tag: each.text or "" for each in server}}
        for server in root.iter(tag)
    ]


@pytest.mark.parametrize("design", BUILT_IN)
def test_thunderbird_finds_what_it_needs(plan: SpacePlan, design: str) -> None:
    found = next(d for d in discoveries(plan).values() if d.endpoints[0].design == design)
    root = etree.fromstring(autoconfig(found))
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    provider = root.find("emailProvider")
    assert provider is not None
    assert provider.findtext("domain") == provider.get("id") == found.domain
    for tag, kind in (("incomingServer", "imap"), ("outgoingServer", "smtp")):
        listed = servers(found, tag)
        assert listed
        for server in listed:
            assert set(server) == {
                "type", "hostname", "port", "socketType", "username", "authentication",
            }  # fmt: skip
            assert server["type"] == kind
            assert server["username"] == "%EMAILADDRESS%"
            assert server["socketType"] in SOCKETS
            assert server["authentication"] in AUTHENTICATIONS


@pytest.mark.parametrize("design", BUILT_IN)
def test_every_endpoint_is_listed_and_no_other(plan: SpacePlan, design: str) -> None:
    found = next(d for d in discoveries(plan).values() if d.endpoints[0].design == design)
    for tag, protocol in (("incomingServer", "imap"), ("outgoingServer", "smtp")):
        listed = {(server["hostname"], int(server["port"])) for server in servers(found, tag)}
        assert listed == {(e.host, e.port) for e in found.endpoints if e.protocol == protocol}


def test_one_endpoint_is_offered_by_password_then_token_then_certificate(plan: SpacePlan) -> None:
    found = discoveries(plan)["op001.mssante.test"]
    ways = [server["authentication"] for server in servers(found, "incomingServer")]
    assert ways == ["password-cleartext", "OAuth2", "TLS-client-cert"]


def test_where_tokens_are_taken_the_issuer_is_told(plan: SpacePlan) -> None:
    known = discoveries(plan)
    found = known["op001.mssante.test"]
    with_tokens = etree.fromstring(autoconfig(found))
    assert with_tokens.findtext("oAuth2/issuer") == "https://127.0.0.1:1/realm"
    typed = {
        protocol: {**ways, Method.ECPS: (Mechanism.PLAIN,)}
        for protocol, ways in found.policy.mechanisms.items()
    }
    policy = replace(found.policy, mechanisms=typed)
    assert etree.fromstring(autoconfig(replace(found, policy=policy))).find("oAuth2") is None


@pytest.mark.parametrize("path", MOZILLA)
def test_the_domain_alone_decides_so_no_mailbox_is_betrayed(ask: Ask, path: str) -> None:
    known = ask(f"{path}?emailaddress=manon.vivel%40op001.mssante.test")
    unknown = ask(f"{path}?emailaddress=nobody%40OP001.mssante.test")
    assert known.status == unknown.status == 200
    assert known.body == unknown.body == ask(path).body
    assert ask(f"{path}?emailaddress=a%40elsewhere.test").status == 404


def test_a_further_design_is_asked_for_by_its_own_domain(ask: Ask) -> None:
    by_host = ask("/mail/config-v1.1.xml", host="autoconfig.op001.api-lps-2023.mssante.test:10080")
    by_address = ask("/mail/config-v1.1.xml?emailaddress=x@op001.api-lps-2023.mssante.test")
    assert b"mail-ciba.op001.api-lps-2023.mssante.test" in by_host.body
    assert by_host.body == by_address.body


def test_outlook_finds_imap_and_smtp(ask: Ask) -> None:
    answer = ask("/autodiscover/autodiscover.xml", "POST", POX.format("a@op001.mssante.test"))
    account = etree.fromstring(answer.body).find(f"{OUTLOOK}Response/{OUTLOOK}Account")
    assert account is not None
    assert account.findtext(f"{OUTLOOK}Action") == "settings"
    found = {
        (p.findtext(f"{OUTLOOK}Type"), p.findtext(f"{OUTLOOK}Server"), p.findtext(f"{OUTLOOK}Port"))
        for p in account.findall(f"{OUTLOOK}Protocol")
    }
    assert found == {
        ("IMAP", "imap.op001.mssante.test", "10993"), ("SMTP", "smtp.op001.mssante.test", "10465"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    ["", "not xml", POX.format(""), "<!DOCTYPE a [<!ENTITY b 'c'>]>" + POX.format("&b;")],
)
def test_a_request_that_cannot_be_read_gets_outlook_s_error(ask: Ask, body: str) -> None:
    answer = ask("/autodiscover/autodiscover.xml", "POST", body)
    assert b"<ErrorCode>600</ErrorCode>" in answer.body


def test_another_domain_gets_outlook_s_error(ask: Ask) -> None:
    answer = ask("/autodiscover/autodiscover.xml", "POST", POX.format("a@elsewhere.test"))
    assert b"<ErrorCode>500</ErrorCode>" in answer.body


def test_the_json_of_outlook_points_to_the_xml_under_our_names_only(ask: Ask) -> None:
    path = "/autodiscover/autodiscover.json"
    answer = json.loads(ask(path, host="autodiscover.op001.mssante.test").body)
    assert answer["Url"].startswith("https://autodiscover.op001.mssante.test/")
    assert ask(path, host="evil.test").status == 404
    assert ask(path, host="autodiscover.op001.mssante.test:@evil.test").status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/mail/config-v1.1.xml"), ("GET", "/autodiscover/autodiscover.xml")],
)
def test_another_method_is_refused(ask: Ask, method: str, path: str) -> None:
    assert ask(path, method).status == 405


@given(st.text(), st.binary(max_size=300))
def test_no_request_breaks_it(plan: SpacePlan, path: str, body: bytes) -> None:
    handler = autoconfig_handler(discoveries(plan))
    for method in ("GET", "POST"):
        for asked in (path, f"/autodiscover/autodiscover.xml?{path}"):
            handler(Request(method=method, path=asked, headers={"host": path}, body=body))


def test_an_address_is_text_in_the_answer(plan: SpacePlan) -> None:
    found = discoveries(plan)["op001.mssante.test"]
    assert b"&lt;b&gt;" in autodiscover(found, "<b>@op001.mssante.test")
