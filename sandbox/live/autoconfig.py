"""Autoconfiguration without sockets: Mozilla autoconfig, Microsoft Autodiscover; bytes in and out.

Mozilla's format has one server element for each way to log in, first the one that most software
can do; its `authentication` says which. Microsoft's names servers only. Neither says whether a
mailbox exists: the domain alone decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from lxml import etree

from sandbox.serve.plain import Handler, Request, Response
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import METHODS, Mechanism, Method
from sandbox.space.places import Place
from sandbox.trust.list_xml import ListError, parse_document

__all__ = ["Discovery", "autoconfig", "autoconfig_handler", "autodiscover"]

_MOZILLA = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
_AUTODISCOVER = "/autodiscover/autodiscover.xml"
_AUTODISCOVER_JSON = "/autodiscover/autodiscover.json"
_OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_ENVELOPE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_SOCKET = {"implicit": "SSL", "starttls": "STARTTLS"}
_ENCRYPTION = {"implicit": "SSL", "starttls": "TLS"}
# What a person types into ordinary mail software first, what needs most of it last.
_ORDER = (Method.ECPS, Method.TOTP, Method.SMS, Method.CPS, Method.CERTIFICATE)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")  # the answer repeats it in a URL
_XML = "application/xml; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What autoconfiguration says of one domain.

    Attributes:
        domain: the mail domain, or the name that stands for a further design.
        name: shown to people.
        endpoints: of one design.
        policy: how one logs in there.
        issuer: OpenID issuer of access tokens.
        authorization, token: its endpoints.
    """

    domain: str
    name: str
    endpoints: tuple[Place, ...]
    policy: LoginPolicy
    issuer: str
    authorization: str
    token: str


def _ways(found: Discovery, protocol: str) -> list[tuple[Place, str]]:
    """Return the distinct (endpoint, authentication) pairs of a protocol, in the order to offer."""
    ways: dict[tuple[str, int, str], tuple[Place, str]] = {}
    for method in _ORDER:
        for endpoint in found.endpoints:
            if endpoint.protocol != protocol or method not in endpoint.methods:
                continue
            for way in _authentications(endpoint, method, found.policy):
                ways.setdefault((endpoint.host, endpoint.port, way), (endpoint, way))
    return list(ways.values())


def _authentications(place: Place, method: Method, policy: LoginPolicy) -> Iterable[str]:
    """Yield Mozilla's names of the ways in which a method logs in at an endpoint."""
    if METHODS[method].client_certificate:
        yield "TLS-client-cert"
        return
    ways = policy.ways(place.endpoint, method)
    if Mechanism.PLAIN in ways:
        yield "password-cleartext"
    if Mechanism.XOAUTH2 in ways:
        yield "OAuth2"


def _element(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    element = etree.SubElement(parent, name)
    if text:
        element.text = text
    return element


def _document(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def autoconfig(found: Discovery) -> bytes:
    """Return Mozilla's clientConfig 1.1 (wiki.mozilla.org Thunderbird:Autoconfiguration)."""
    root = etree.Element("clientConfig", version="1.1")
    provider = etree.SubElement(root, "emailProvider", id=found.domain)
    _element(provider, "domain", found.domain)
    _element(provider, "displayName", found.name)
    _element(provider, "displayShortName", found.name)
    for tag, protocol in (("incomingServer", "imap"), ("outgoingServer", "smtp")):
        for endpoint, way in _ways(found, protocol):
            server = etree.SubElement(provider, tag, type=protocol)
            _element(server, "hostname", endpoint.host)
            _element(server, "port", str(endpoint.port))
            _element(server, "socketType", _SOCKET[endpoint.tls])
            _element(server, "username", "%EMAILADDRESS%")
            _element(server, "authentication", way)
    if any(way == "OAuth2" for _, way in _ways(found, "imap")):
        oauth = _element(root, "oAuth2")
        _element(oauth, "issuer", found.issuer)
        _element(oauth, "scope", "openid scope_all")
        _element(oauth, "authURL", found.authorization)
        _element(oauth, "tokenURL", found.token)
    return _document(root)


def autodiscover(found: Discovery, address: str) -> bytes:
    """Return Microsoft's POX answer ([MS-OXDSCLI] 2.2.4): IMAP and SMTP, preferred first."""
    root = etree.Element(f"{{{_ENVELOPE}}}Autodiscover", nsmap={None: _ENVELOPE})  # type: ignore[dict-item] # the stubs forget the default
    response = etree.SubElement(root, f"{{{_OUTLOOK}}}Response", nsmap={None: _OUTLOOK})  # type: ignore[dict-item] # as above
    name = f"{{{_OUTLOOK}}}"
    user = _element(response, f"{name}User")
    _element(user, f"{name}DisplayName", address)
    account = _element(response, f"{name}Account")
    _element(account, f"{name}AccountType", "email")
    _element(account, f"{name}Action", "settings")
    for protocol in ("imap", "smtp"):
        for endpoint in dict.fromkeys(each for each, _ in _ways(found, protocol)):
            element = _element(account, f"{name}Protocol")
            values = {
                "Type": protocol.upper(),
                "Server": endpoint.host,
                "Port": str(endpoint.port),
                "DomainRequired": "off",
                "LoginName": address,
                "SPA": "off",
                "SSL": "on",
                "Encryption": _ENCRYPTION[endpoint.tls],
                "AuthRequired": "on",
            }
            for key, value in values.items():
                _element(element, f"{name}{key}", value)
    return _document(root)


def _failure(code: str, message: str) -> bytes:
    root = etree.Element(f"{{{_ENVELOPE}}}Autodiscover", nsmap={None: _ENVELOPE})  # type: ignore[dict-item] # as above
    response = etree.SubElement(root, f"{{{_ENVELOPE}}}Response")
    error = etree.SubElement(response, f"{{{_ENVELOPE}}}Error")
    _element(error, f"{{{_ENVELOPE}}}ErrorCode", code)
    _element(error, f"{{{_ENVELOPE}}}Message", message)
    return _document(root)


def _asked_address(body: bytes) -> str:
    """Return EMailAddress of an Autodiscover request, empty when it cannot be read."""
    try:
        root = parse_document(body)
    except ListError:
        return ""
    found = root.find(".//{*}Request/{*}EMailAddress")
    return (found.text or "").strip() if found is not None else ""


def autoconfig_handler(known: Mapping[str, Discovery]) -> Handler:
    """Return the handler of both formats.

    Args:
        known: what is said of each domain; a request without an address is about the domain that
            its `Host` names.
    """

    def about(address: str, host: str) -> Discovery | None:
        domain = address.rpartition("@")[2].lower().rstrip(".")
        if not domain:
            name = host.partition(":")[0].lower()
            for prefix in ("autoconfig.", "autodiscover."):
                name = name.removeprefix(prefix)
            domain = name
        return known.get(domain)

    def handle(request: Request) -> Response:
        url = urlsplit(request.path)
        path, query = url.path.lower(), parse_qs(url.query)
        host = request.headers.get("host", "")
        if path in _MOZILLA:
            if request.method not in {"GET", "HEAD"}:
                return Response(status=405, headers=(("allow", "GET, HEAD"),))
            found = about(query.get("emailaddress", [""])[0], host)
            if found is None:
                return Response(status=404, body=b"unknown domain\n")
            return Response(body=autoconfig(found), content_type=_XML)
        if path == _AUTODISCOVER:
            if request.method != "POST":
                return Response(status=405, headers=(("allow", "POST"),))
            address = _asked_address(request.body)
            if not address:
                return Response(body=_failure("600", "Invalid Request"), content_type=_XML)
            found = about(address, host)
            if found is None:
                return Response(body=_failure("500", "Unknown domain"), content_type=_XML)
            return Response(body=autodiscover(found, address), content_type=_XML)
        if path == _AUTODISCOVER_JSON and about("", host) is not None:
            if not _HOST.fullmatch(host):
                return Response(status=400, body=b"bad host\n")
            answer = {"Protocol": "AutodiscoverV1", "Url": f"https://{host}{_AUTODISCOVER}"}
            return Response(body=json.dumps(answer).encode(), content_type="application/json")
        return Response(status=404, body=b"not found\n")

    return handle
