"""The peers of an operator: Postfix with Dovecot (two of them relay to each other), and GreenMail.

Everything is private to a folder and bound to 127.0.0.1. Durability is that of an operator of ours:
Postfix syncs its queue file before 250, Dovecot syncs each message and its index before LMTP's 250.
Both are set up for speed: relay connections are kept over TLS (twice as fast as without), and
Dovecot's login processes serve many connections.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mail_load import Account, Operator
from sandbox.trust import KeyKind, Organisation, TestCA

__all__ = [
    "MAILBOXES", "PASSWORD", "Peer", "Side", "greenmail", "operator_file", "peer_file", "peers",
    "postfix_dovecot",
]  # fmt: skip

MAILBOXES = 6  # that a file of a peer names
PASSWORD = "bench"  # noqa: S105 - of mailboxes that live for the length of a benchmark
ORGANISATION = Organisation(name="OPERATEUR", department="Paris (75)", finess="750000018")
GREENMAIL = Path(os.environ.get("MSS_PEERS", Path.home() / ".cache/mssante-sandbox/peers"))

MASTER = """
{submission} inet n - n - - smtpd
    -o smtpd_tls_wrappermode=yes
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_client_restrictions=permit_sasl_authenticated,reject
    -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
    -o smtpd_tls_ask_ccert={asks}
{mx} inet n - n - - smtpd
    -o smtpd_tls_security_level=encrypt
    -o smtpd_tls_ask_ccert=yes
    -o smtpd_tls_req_ccert=yes
    -o smtpd_recipient_restrictions=reject_unauth_destination,permit_tls_all_clientcerts,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsproxy unix - - n - 0 tlsproxy
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {host}
mydestination =
mynetworks =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:ok
virtual_transport = lmtp:unix:{folder}/dovecot/postfix-lmtp
transport_maps = inline:{{ {{ {other} = relay:[{other_address}]:{other_mx} }} }}
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = {other_host}
smtp_tls_CAfile = {folder}/ca.pem
smtp_tls_chain_files = {folder}/relay/key.pem, {folder}/relay/chain.pem
smtp_tls_connection_reuse = yes
smtpd_tls_CAfile = {folder}/ca.pem
smtpd_tls_chain_files = {folder}/endpoint/key.pem, {folder}/endpoint/chain.pem
smtpd_tls_ccert_verifydepth = 9
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/dovecot/postfix-auth
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
message_size_limit = 35000000
default_process_limit = 200
"""

DOVECOT_2_3 = """
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot
log_path = {folder}/dovecot.log
protocols = imap lmtp
ssl = required
ssl_cert = <{folder}/endpoint/chain.pem
ssl_key = <{folder}/endpoint/key.pem
auth_mechanisms = plain login
auth_cache_size = 10M
auth_verbose = no
mail_location = maildir:~/Maildir
mail_fsync = always
mail_max_userip_connections = 0
first_valid_uid = 1
ssl_ca = <{folder}/ca.pem
ssl_require_crl = no
ssl_verify_client_cert = {asks}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
{login}
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imap}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 10000
{imap_processes}
}}
service anvil {{
  client_limit = 30000
}}
service auth {{
  client_limit = 30000
  unix_listener postfix-auth {{
    mode = 0600
    user = postfix
  }}
}}
service lmtp {{
  process_min_avail = 4
  unix_listener postfix-lmtp {{
    mode = 0600
    user = postfix
  }}
}}
"""


# How many connections a process of `imap-login`, and of `imap`, serves: Dovecot's documentation
# calls the first its high-performance mode; the second is what it is shipped with, a process each.
SERVING = {
    "fast": (
        "  service_count = 0\n  process_min_avail = 2\n  client_limit = 10000",
        "  process_min_avail = 8\n  service_count = 100",
    ),
    "as shipped": ("  process_limit = 1000", ""),
}


@dataclass(frozen=True)
class Side:
    """Two operators that relay to each other, or one twice where the peer cannot relay.

    Attributes:
        name: in the figures.
        sender, receiver: the operators.
        pids: whose trees do the work.
        relays: whether the two are two.
    """

    name: str
    sender: Operator
    receiver: Operator
    pids: tuple[int, ...]
    relays: bool = True


def _digest(password: str) -> str:
    """Return what Dovecot keeps of a password: a salted SHA-256, as an operator of ours keeps."""
    salt = os.urandom(8)
    digest = hashlib.sha256(password.encode() + salt).digest()
    return "{SSHA256}" + base64.b64encode(digest + salt).decode()


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, seconds: float = 30.0, address: str = "127.0.0.1") -> None:
    """Wait until something accepts connections there.

    Raises:
        TimeoutError: nothing does.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection((address, port), 0.5).close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def client_context(bundle: bytes) -> ssl.SSLContext:
    """Return a TLS context that trusts the test authorities, without session resumption."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=bundle.decode())
    return context


def _accounts(domain: str, count: int, context: ssl.SSLContext) -> tuple[Account, ...]:
    return tuple(
        Account(f"box{number}@{domain}", f"box{number}@{domain}", lambda: PASSWORD, context)
        for number in range(count)
    )


@dataclass(frozen=True)
class Place:
    """The relay of an operator: its domain, its name, where it listens."""

    domain: str
    host: str
    address: str
    mx: int


class Peer:
    """One Postfix with its Dovecot.

    Args:
        root: its folder is there.
        label: of its domain.
        relay: address and port of its relay; a free port of 127.0.0.1 by default.
        asks: its servers of clients ask for a certificate in TLS, as ours do under most designs.
        serving: how Dovecot's processes serve; a key of SERVING.
    """

    def __init__(
        self,
        root: Path,
        label: str,
        relay: tuple[str, int] | None = None,
        *,
        asks: bool = False,
        serving: str = "fast",
    ) -> None:
        self.asks = "yes" if asks else "no"
        self.serving = SERVING[serving]
        self.domain = f"{label}.mssante.test"
        self.host = f"mx.{self.domain}"
        self.folder = root / label
        self.submission, self.imap = free_port(), free_port()
        self.address, self.mx = relay or ("127.0.0.1", free_port())
        self.pids: list[int] = []

    @property
    def place(self) -> Place:
        """Where others send to."""
        return Place(self.domain, self.host, self.address, self.mx)

    def certify(self, ca: TestCA) -> None:
        """Have an authority give it certificates."""
        ca.operator_server(ORGANISATION, [self.host]).save(self.folder / "relay")
        ca.endpoint_server(ORGANISATION, [self.host]).save(self.folder / "endpoint")

    def lay_out(self, bundle: bytes, other: Place) -> None:
        """Write configuration; certificates are in `relay` and `endpoint` of its folder."""
        user = pwd.getpwnam("nobody")
        for name in ("queue", "data", "dovecot", "mail", "postfix"):
            (self.folder / name).mkdir(parents=True)
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", user.pw_uid, user.pw_gid)
        (self.folder / "ca.pem").write_bytes(bundle)
        main = MAIN.format(
            folder=self.folder, host=self.host, domain=self.domain, other=other.domain,
            other_host=other.host, other_address=other.address, other_mx=other.mx,
        )  # fmt: skip
        places = {"submission": f"127.0.0.1:{self.submission}", "mx": f"{self.address}:{self.mx}"}
        (self.folder / "postfix/main.cf").write_text(main)
        (self.folder / "postfix/master.cf").write_text(MASTER.format(asks=self.asks, **places))
        dovecot = DOVECOT_2_3.format(
            folder=self.folder, password=_digest(PASSWORD), uid=user.pw_uid, gid=user.pw_gid,
            imap=self.imap, asks=self.asks, login=self.serving[0], imap_processes=self.serving[1],
        )  # fmt: skip
        (self.folder / "dovecot.conf").write_text(dovecot)

    def start(self) -> None:
        """Start both; wait for the three ports."""
        self._run("dovecot", "-c", str(self.folder / "dovecot.conf"))
        self._run("postfix", "-c", str(self.folder / "postfix"), "start")
        for address, port in (
            ("127.0.0.1", self.submission), ("127.0.0.1", self.imap), (self.address, self.mx),
        ):  # fmt: skip
            await_port(port, address=address)
        pids = (self.folder / "dovecot/master.pid", self.folder / "queue/pid/master.pid")
        self.pids = [int(path.read_text()) for path in pids]

    def stop(self) -> None:
        """Stop those that run."""
        for words in (("postfix", "-c", str(self.folder / "postfix"), "stop"),
                      ("doveadm", "-c", str(self.folder / "dovecot.conf"), "stop")):  # fmt: skip
            subprocess.run(words, capture_output=True, check=False)

    def _run(self, *words: str) -> None:
        said = self.folder / "started"  # a pipe would stay open in the daemon
        with said.open("w") as output:
            done = subprocess.run(words, stdout=output, stderr=output, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {said.read_text()}")

    def operator(self, accounts: int, context: ssl.SSLContext) -> Operator:
        """Return where it answers."""
        return Operator(
            ("127.0.0.1", self.imap, self.host), ("127.0.0.1", self.submission, self.host),
            _accounts(self.domain, accounts, context),
        )  # fmt: skip


def installed() -> str:
    """Return the versions of Postfix and Dovecot.

    Raises:
        RuntimeError: they are not installed, of another version, or this is not root.
    """
    for program in ("postfix", "dovecot", "doveadm"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not installed (.ci/peers-operators)")
    postfix, dovecot = (
        subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]
        for words in (["postconf", "-d", "-h", "mail_version"], ["dovecot", "--version"])
    )
    if not dovecot.startswith("2.3."):
        raise RuntimeError(f"the configuration is for Dovecot 2.3, this is {dovecot}")
    if os.geteuid() != 0:
        raise RuntimeError("Postfix and Dovecot start as root only")
    return f"Postfix {postfix} + Dovecot {dovecot}"


@contextlib.contextmanager
def peers(*, asks: bool = False, serving: str = "fast") -> Iterator[tuple[TestCA, Peer, Peer, str]]:
    """Run two operators made of Postfix and Dovecot; yield their authority, them, and versions.

    Args:
        asks, serving: as for `Peer`.

    Raises:
        RuntimeError: as `installed`.
    """
    name_of_peers = installed()
    with tempfile.TemporaryDirectory(prefix="mss-bench-") as name:
        root = Path(name)
        root.chmod(0o755)
        ca = TestCA(key_kind=KeyKind.P256)
        both = [Peer(root, label, asks=asks, serving=serving) for label in ("a", "b")]
        with contextlib.ExitStack() as stack:
            for mine, other in (both, both[::-1]):
                mine.certify(ca)
                mine.lay_out(ca.bundle_pem(), other.place)
                stack.callback(mine.stop)
                mine.start()
            yield ca, both[0], both[1], name_of_peers


def operator_file(
    folder: Path, domain: str, host: str, imap: int, smtp: int, password: str = PASSWORD
) -> Path:
    """Write the file of an operator on loopback for `--space`; its roots are beside it."""
    lines = [f'name = "{domain}"', f'domain = "{domain}"', 'roots = "roots.pem"']
    for name, protocol, port in (("imaps", "imap", imap), ("submissions", "smtp", smtp)):
        lines += [
            "[[endpoints]]", f'name = "{name}"', f'protocol = "{protocol}"', f'host = "{host}"',
            'address = "127.0.0.1"', f"port = {port}", 'methods = ["password"]',
        ]  # fmt: skip
    for number in range(MAILBOXES):
        lines += [
            "[[accounts]]", f'address = "box{number}@{domain}"', 'method = "password"',
            f'password = "{password}"',
        ]  # fmt: skip
    file = folder / f"{domain}.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def peer_file(folder: Path, peer: Peer, password: str = PASSWORD) -> Path:
    """Write that of one of `peers`."""
    return operator_file(folder, peer.domain, peer.host, peer.imap, peer.submission, password)


@contextlib.contextmanager
def postfix_dovecot(accounts: int, serving: str = "fast") -> Iterator[Side]:
    """Run two operators made of Postfix and Dovecot, which ask for a certificate as ours do.

    Args:
        accounts: mailboxes of each.
        serving: as for `Peer`.

    Raises:
        RuntimeError: as `peers`.
    """
    with peers(asks=True, serving=serving) as (ca, *both, versions):
        name = versions if serving == "fast" else f"{versions}, {serving}"
        context = client_context(ca.bundle_pem())
        sender, receiver = (each.operator(accounts, context) for each in both)
        yield Side(name, sender, receiver, tuple(pid for each in both for pid in each.pids))


@contextlib.contextmanager
def greenmail(accounts: int) -> Iterator[Side]:
    """Run GreenMail: mail in memory, no relay.

    Raises:
        RuntimeError: Java or the jar is not there.
    """
    jars = sorted(GREENMAIL.glob("greenmail-standalone-*.jar"))
    if not jars or shutil.which("java") is None:
        raise RuntimeError("GreenMail or Java is not installed (.ci/peers-operators)")
    with tempfile.TemporaryDirectory(prefix="mss-bench-") as name:
        folder, host, domain = Path(name), "mail.a.mssante.test", "a.mssante.test"
        ca = TestCA(key_kind=KeyKind.P256)
        store = folder / "store.p12"
        store.write_bytes(ca.endpoint_server(ORGANISATION, [host]).pkcs12(PASSWORD))
        context = client_context(ca.bundle_pem())
        boxes = _accounts(domain, accounts, context)
        imap, smtp = free_port(), free_port()
        users = ",".join(f"box{number}:{PASSWORD}@{domain}" for number in range(accounts))
        words = [
            "java", "-Xmx2g", f"-Dgreenmail.tls.keystore.file={store}",
            f"-Dgreenmail.tls.keystore.password={PASSWORD}",
            "-Dgreenmail.imaps.hostname=127.0.0.1", f"-Dgreenmail.imaps.port={imap}",
            "-Dgreenmail.smtps.hostname=127.0.0.1", f"-Dgreenmail.smtps.port={smtp}",
            f"-Dgreenmail.users={users}", "-Dgreenmail.users.login=email",
            "-jar", str(jars[-1]),
        ]  # fmt: skip
        with (folder / "log").open("w") as log:
            child = subprocess.Popen(words, stdout=log, stderr=log)
            try:
                for port in (imap, smtp):
                    await_port(port)
                operator = Operator(("127.0.0.1", imap, host), ("127.0.0.1", smtp, host), boxes)
                yield Side(jars[-1].stem, operator, operator, (child.pid,), relays=False)
            finally:
                child.send_signal(signal.SIGTERM)
                child.wait(20)
