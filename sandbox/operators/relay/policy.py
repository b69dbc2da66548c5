"""Who may exchange mail with whom: a certificate's name and a domain, held against the list.

Pure but for the question about revocation, which the caller answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from cryptography import x509

from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay import refusals
from sandbox.trust import (
    DN,
    CertificateChecker,
    CertificateFinding,
    DomainList,
    ProfileName,
    RevocationStatus,
    dn_of,
    read_certificate,
)
from sandbox.trust.domain_list import normal_domain

__all__ = ["Revocation", "check_peer", "is_listed", "may_receive", "may_send"]

Revocation = Callable[[x509.Certificate], Awaitable[RevocationStatus]]


def is_listed(listed: DomainList, domain: str) -> MailRefusal | None:
    """Tell why a domain is outside the space of trust; None when it is on the list."""
    try:
        inside = normal_domain(domain) in listed.domains
    except ValueError:
        inside = False
    return None if inside else refusals.DOMAIN_UNLISTED


def may_send(listed: DomainList, dn: DN, domain: str) -> MailRefusal | None:
    """Tell why a relay may not send mail of a domain (inbound); None when it may.

    Args:
        listed: the list in force.
        dn: subject of the certificate that the relay proved.
        domain: of MAIL FROM or From; empty for the null reverse-path, where any operator of the
            list may send.
    """
    if not listed.domains_of(dn):
        return refusals.DN_UNLISTED
    if not domain or listed.authorises(domain, dn):
        return None
    return refusals.SENDER_DOMAIN


def may_receive(listed: DomainList, dn: DN, domain: str) -> MailRefusal | None:
    """Tell why mail of a domain must not be given to a server (outbound); None when it may.

    Args:
        listed: the list in force.
        dn: subject of the certificate that the server proved.
        domain: of the recipient.
    """
    refused = is_listed(listed, domain)
    if refused is not None:
        return refused
    return None if listed.authorises(domain, dn) else refusals.RECIPIENT_DOMAIN


async def check_peer(
    certificate: bytes | None,
    *,
    checker: CertificateChecker,
    revocation: Revocation,
    now: datetime,
    name: str = "",
) -> DN | MailRefusal:
    """Return the name that another relay's certificate proves, or why it proves none.

    Args:
        certificate: DER that TLS gave, None when the peer gave none.
        checker: chain, usages and environment; its own `revocation` stays unset.
        revocation: asked last, and only about a certificate that is otherwise right.
        now: aware.
        name: host name that was asked for (outbound); empty does not check.
    """
    if certificate is None:
        return refusals.CERTIFICATE_MISSING
    try:
        leaf = read_certificate(certificate)
        dn = dn_of(leaf)
    except ValueError:
        return refusals.BY_FINDING[CertificateFinding.UNREADABLE]
    findings = checker.check(leaf, profile=ProfileName.OPERATOR_SERVER, now=now, name=name)
    if findings:
        return refusals.BY_FINDING[_gravest(findings)]
    status = await revocation(leaf)
    if status is RevocationStatus.GOOD:
        return dn
    unknown = status is RevocationStatus.UNKNOWN
    return refusals.BY_FINDING[
        CertificateFinding.REVOCATION_UNKNOWN if unknown else CertificateFinding.REVOKED
    ]


def _gravest(findings: list[CertificateFinding]) -> CertificateFinding:
    """Prefer what is wrong by nature to what time mends: the reply is permanent if one cause is."""
    return min(findings, key=lambda each: refusals.BY_FINDING[each].code < 500)
