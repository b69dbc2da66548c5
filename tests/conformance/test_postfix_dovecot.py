"""Software that we did not write, judged: each failure is one, with the clause that it is against.

As `benchmarks/mail_peers.py` sets them up: two operators that relay to each other over mutual TLS.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.mail_peers import PASSWORD, Peer, peers
from sandbox.conformance.findings import CheckResult, Report
from sandbox.conformance.judge import judge_operator
from sandbox.conformance.lab import Sockets
from sandbox.conformance.subject import (
    CheckedDoor,
    CheckedMailbox,
    Means,
    Neighbour,
    Pair,
    Subject,
)
from tests.conformance.mutants import found

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("postfix", "dovecot", "doveadm"))),
    reason="Postfix and Dovecot as root (.ci/peers-operators)",
)


def door(peer: Peer, protocol: str, port: int, tls: str = "implicit") -> CheckedDoor:
    return CheckedDoor(
        name=protocol, protocol=protocol, host=peer.host, address="127.0.0.1", port=port, tls=tls,
        methods=("password",),
    )  # fmt: skip


def account(peer: Peer, name: str) -> CheckedMailbox:
    address = f"{name}@{peer.domain}"
    way = Means(method="password", username=address, password=PASSWORD)
    return CheckedMailbox(address=address, ways=(way,))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    folder = tmp_path_factory.mktemp("peers")
    with peers() as (ca, mine, other, name):
        roots = folder / "roots.pem"
        roots.write_bytes(ca.roots_pem())
        relay = Path(other.folder) / "relay"
        subject = Subject(
            name=name, domain=mine.domain, roots=roots,
            doors=(door(mine, "imap", mine.imap), door(mine, "smtp", mine.submission)),
            accounts=(account(mine, "anne"), account(mine, "bob")),
            relay=door(mine, "relay", mine.mx, "starttls"),
            neighbour=Neighbour(
                domain=other.domain, strict=False,
                relay=Pair(relay / "chain.pem", relay / "key.pem"),
                account=account(other, "dora"), doors=(door(other, "imap", other.imap),),
            ),
        )  # fmt: skip
        yield judge_operator(subject, Sockets(subject), patience=10.0)


# What fails, as the dialogue of the report shows, and why it is a failure.
FAILS = {
    # smtpd_tls_protocols is >=TLSv1 by default: RFC 8996 §5 forbids TLS 1.1.
    "tls-old-versions",
    # smtpd_tls_mandatory_exclude_ciphers is empty: ADH-AES256-GCM-SHA384, nobody authenticated.
    "tls-weak-suites",
    # 535 for a mechanism that is not served, where RFC 4954 §4 says 504.
    "smtp-auth-unknown-mechanism",
    # 535 for what is no base64, where RFC 4954 §4 says that it MUST be 501.
    "smtp-auth-not-base64",
    # No reject_sender_login_mismatch: whoever has logged in sends as anybody.
    "smtp-sender-owned",
    # smtpd_forbid_bare_newline is off in 3.7: LF . LF ends a message (CVE-2023-51764).
    "smtp-smuggling",
    # virtual_mailbox_maps is static:ok in this set-up: any mailbox is made when mail comes.
    "smtp-recipient-unknown", "relay-recipient-unknown",
    # permit_tls_all_clientcerts: any certificate of the authority, for any sender's domain.
    "relay-sender-domain",
}  # fmt: skip
# What was not given: CRL, DNS, bad certificates, commands to kill it, a strict neighbour.
UNSURE = {
    "tls-not-revoked", "dns-mx", "dns-srv", "kept-after-crash", "dsn-failure", "dsn-form",
    "dsn-null-sender", "relay-certificate-expired", "relay-certificate-revoked",
    "relay-certificate-untrusted", "relay-certificate-unlisted",
}  # fmt: skip


def test_nothing_fails_but_what_is_against_a_clause(judged: Report) -> None:
    assert found(judged, CheckResult.FAIL) == FAILS


def test_what_was_not_given_is_inconclusive(judged: Report) -> None:
    # Its Postfix may lose Dovecot's authentication for a moment: a 454 tells nothing of names.
    assert found(judged, CheckResult.INCONCLUSIVE) - {"login-no-enumeration"} == UNSURE


def test_what_mail_servers_do_passes(judged: Report) -> None:
    passed = found(judged, CheckResult.PASS)
    assert passed >= {"relay-in", "delivery-out", "delivery-intact", "dsn-success", "relay-open"}
    assert {each for each in passed if each.startswith("imap-")} >= {"imap-idle", "imap-examine"}
