"""Roots of trust: the IGC-Santé test CA, the list of authorised domains, DNS.

It knows certificates, revocation, the signed list and a DNS zone, all from plain values: people,
organisations, host names, addresses. It never knows mailboxes or
traffic; designs and scenarios reach it at one place each (`design_zone`, `cli_from_list`); it
never asks the directory (a question such as "is this FINESS known" is a callable it is given),
and never contacts anything: its servers listen on loopback and its checks read bytes. Protocol
logic (OCSP, CRL, list verification, DNS answers, HTTP handlers) is free of sockets and takes the
clock; `dns_server` is the only shell, on a door of `sandbox.serve` like all others. Private keys
are random: two runs give the same certificates but for keys, serial numbers and signatures.
The packages below it in the design (directory, psc, operators, clients, live...) may import it;
it imports `sandbox.serve` and `sandbox.space` only.
"""

from sandbox.trust.authority import Card, TestCA
from sandbox.trust.bad import FAULTS, make_bad
from sandbox.trust.checking import (
    CertificateChecker,
    CertificateFinding,
    RevocationStatus,
    load_bundle,
    read_certificate,
)
from sandbox.trust.dn import DN, dn_of, parse_dn
from sandbox.trust.domain_list import DomainLedger, DomainList, ListEntry
from sandbox.trust.hierarchy import AuthorityName, Urls
from sandbox.trust.identity import Employee, Organisation, Professional
from sandbox.trust.issuing import Issued
from sandbox.trust.keys import KeyKind
from sandbox.trust.list_verify import ListKeeper, ListPolicy, verify_list
from sandbox.trust.list_xml import ListError, sign_list
from sandbox.trust.profiles import Marker, ProfileName
from sandbox.trust.topology import ListedOperator, topology
from sandbox.trust.zone import Host, MailDomain, SrvRecord, ZoneSpec

__all__ = [
    "DN",
    "FAULTS",
    "AuthorityName",
    "Card",
    "CertificateChecker",
    "CertificateFinding",
    "DomainLedger",
    "DomainList",
    "Employee",
    "Host",
    "Issued",
    "KeyKind",
    "ListEntry",
    "ListError",
    "ListKeeper",
    "ListPolicy",
    "ListedOperator",
    "MailDomain",
    "Marker",
    "Organisation",
    "Professional",
    "ProfileName",
    "RevocationStatus",
    "SrvRecord",
    "TestCA",
    "Urls",
    "ZoneSpec",
    "dn_of",
    "load_bundle",
    "make_bad",
    "parse_dn",
    "read_certificate",
    "sign_list",
    "topology",
    "verify_list",
]
