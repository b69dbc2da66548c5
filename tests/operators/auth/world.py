"""A small space for the tests of logins: a directory, an authority, one operator, a clock."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.directory import Directory, DomainShare, Mailbox, Person, PopulationSpec
from sandbox.live.wire import wire_of
from sandbox.operators.auth.access_control import AccessControl, AccessPolicy
from sandbox.operators.auth.accounts import Grant, new_totp_secret
from sandbox.operators.auth.verifier import HeldVerifier, TokenVerifier
from sandbox.operators.journal import Journal
from sandbox.operators.model import (
    Accepted,
    CertificateCredentials,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
    TokenCredentials,
)
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.loader import load_scenario
from sandbox.space.methods import Method
from sandbox.trust import RevocationStatus, TestCA


def new_password() -> str:
    """Return a password in the form that operators ask for."""
    text = base64.b32encode(secrets.token_bytes(20)).decode().lower()
    return "-".join(text[start : start + 5] for start in range(0, 25, 5))


HERE, ELSEWHERE = "op1.mssante.test", "op2.mssante.test"
SPEC = PopulationSpec(
    seed=7,
    people=800,
    mailboxes=1_800,
    domains=(DomainShare(HERE, 3, "op1"), DomainShare(ELSEWHERE, 1, "op2")),
)
CHANNEL = Channel(
    operator="op1", design="single-endpoint", endpoint="imap", host=f"imap.{HERE}", port=10993,
    protocol="imap", methods=tuple(Method), mechanisms=tuple(SaslName), client="127.0.0.1",
    tls="TLSv1.3",
)  # fmt: skip


# What the shipped inputs say; a refusal takes no time here.
POLICY = replace(wire_of(load_scenario("demo")).operator.access, refusal_seconds=0.0)


def codes(**changed: Any) -> AccessPolicy:
    """Return the policy with another one for codes."""
    return replace(POLICY, totp=replace(POLICY.totp, **changed))


class Clock:
    """A clock that only moves when a test says so; it starts at the middle of a time step."""

    def __init__(self) -> None:
        self.now = float(int(datetime.now(UTC).timestamp()) // 30 * 30 + 15)

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Wait:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Restart:
    """Stop the operator and start it again on the same files."""


@dataclass(frozen=True)
class Try:
    """One login."""

    credentials: Credentials
    channel: Channel = CHANNEL


Step = Wait | Restart | Try


def password(user: str, secret: str, channel: Channel = CHANNEL, *, authzid: str = "") -> Try:
    return Try(
        PasswordCredentials(
            mechanism=SaslName.PLAIN, authcid=user, password=secret, authzid=authzid
        ),
        channel,
    )


def token(user: str, channel: Channel = CHANNEL) -> Try:
    return Try(TokenCredentials(mechanism=SaslName.XOAUTH2, user=user, token="t"), channel)


def certificate(
    peer: x509.Certificate | None, authzid: str = "", channel: Channel = CHANNEL
) -> Try:
    der = peer.public_bytes(Encoding.DER) if peer is not None else None
    credentials = CertificateCredentials(mechanism=SaslName.EXTERNAL, authzid=authzid)
    return Try(credentials, replace(channel, certificate=der))


@dataclass
class Holder:
    """A person who was given access to a mailbox."""

    mailbox: str
    identity: str
    password: str
    secret: str
    clock: Clock

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of some steps away."""
        return pyotp.TOTP(self.secret).at(self.clock.now + 30 * steps)

    def wrong_code(self) -> str:
        """Return six digits that are the code of no moment around."""
        near = {self.code(step) for step in range(-10, 11)}
        return next(f"{n:06d}" for n in range(100) if f"{n:06d}" not in near)


@dataclass
class World:
    """What a test plays in."""

    directory: Directory
    ca: TestCA
    folder: Path
    clock: Clock = field(default_factory=Clock)
    revoked: RevocationStatus | None = None
    journal: Journal = field(default_factory=Journal)
    asked: list[str] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)

    # Cast ----------------------------------------------------------------------------------------

    def box(self, condition: str, *parameters: Any) -> Mailbox:
        """Return the first mailbox that meets a condition."""
        found = next(self.directory.mailboxes(condition, parameters, order="m.id"), None)
        assert found is not None, condition
        return found

    def personal(self, domain: str = HERE) -> Mailbox:
        """Return a mailbox of a doctor who has no other."""
        return self.box(
            "m.type = 0 AND d.name = ? AND p.national_id LIKE '8%'"
            " AND (SELECT count(*) FROM mailbox o WHERE o.person = p.id) = 1",
            domain,
        )

    def organisational(self, *, holders: int) -> Mailbox:
        """Return an ORG mailbox here with that many holders."""
        return self.box(
            "m.type = 1 AND d.name = ? AND (SELECT count(*) FROM holder h WHERE h.mailbox = m.id)"
            " = ?",
            HERE,
            holders,
        )

    def application(self, *, alone: bool = True, domain: str = HERE) -> Mailbox:
        """Return an APP mailbox whose structure has no other, or has others."""
        return self.box(
            "m.type = 2 AND d.name = ? AND (SELECT count(*) FROM mailbox o"
            f" WHERE o.type = 2 AND o.structure = s.id) {'=' if alone else '>'} 1",
            domain,
        )

    def person(self, condition: str) -> Person:
        row = (
            self.directory.connection()
            .execute(f"SELECT national_id FROM person WHERE {condition} ORDER BY id LIMIT 1")
            .fetchone()
        )
        found = self.directory.person(row[0])
        assert found is not None
        return found

    def grant(
        self, mailbox: str, person: Person, *, held: Method = Method.ECPS, totp: str = ""
    ) -> Holder:
        """Give a holder a password and an enrolled telephone; done when the operator starts."""
        given = Grant(
            mailbox=mailbox, identity=person.national_id, password=new_password(),
            totp=totp or new_totp_secret(), held=held,
        )  # fmt: skip
        self.grants.append(given)
        return Holder(mailbox, person.national_id, given.password, given.totp, self.clock)

    def holder(self, box: Mailbox | None = None, number: int = 0) -> Holder:
        """Give access to one of the holders of a mailbox; a doctor's own by default."""
        box = box or self.personal()
        return self.grant(box.address, self.directory.holders(box.address)[number])

    # Play ----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def operator(
        self,
        policy: AccessPolicy | None = None,
        held: Mapping[Method, HeldVerifier] | None = None,
        tokens: TokenVerifier | None = None,
    ) -> AsyncIterator[AccessControl]:
        control = AccessControl(
            self.folder,
            directory=self.directory,
            domains=lambda: frozenset({HERE}),
            bundle=self.ca.bundle_pem(),
            journal=self.journal,
            policy=policy or POLICY,
            held=held,
            tokens=tokens,
            revocation=self._revocation,
            clock=self.clock,
        )
        control.accounts.put(self.grants)
        self.grants.clear()
        try:
            yield control
        finally:
            await control.close()

    async def _revocation(self, peer: x509.Certificate) -> RevocationStatus:
        self.asked.append(peer.subject.rfc4514_string())
        if self.revoked is not None:
            return self.revoked
        known = self.ca.is_revoked(peer)
        return RevocationStatus.REVOKED if known else RevocationStatus.GOOD

    def results(self, *steps: Step, **options: Any) -> list[Accepted | Rejected]:
        """Play steps and return what each login got."""
        if "policy" in options:
            options["policy"] = replace(options["policy"], refusal_seconds=0.0)

        async def work() -> list[Accepted | Rejected]:
            got: list[Accepted | Rejected] = []
            left = list(steps)
            while True:
                async with self.operator(**options) as control:
                    while left:
                        match left.pop(0):
                            case Wait(seconds):
                                self.clock.now += seconds
                            case Restart():
                                break
                            case Try(credentials, channel):
                                answer = await control.authenticator.authenticate(
                                    credentials, channel
                                )
                                got.append(answer)
                if not left:
                    return got

        return asyncio.run(asyncio.wait_for(work(), 30))

    def play(self, *steps: Step, **options: Any) -> list[str]:
        """Play steps and return, for each login, the mailbox that it opened or why not."""
        return [told(each) for each in self.results(*steps, **options)]


def told(result: Accepted | Rejected) -> str:
    return result.actor.mailbox if isinstance(result, Accepted) else result.refusal.name


class Asked:
    """A held method or token check whose answer a test decides; remembers whom it asked."""

    def __init__(self, method: Method = Method.ECPS, answer: Rejected | None = None) -> None:
        self.method = method
        self.answer = answer
        self.people: list[str] = []

    async def verify(self, _credentials: Any, _channel: Any, account: Any) -> Accepted | Rejected:
        self.people.append(account.identity)
        return self.answer or Accepted(actor=account.actor(self.method), person=5.0)


class TokenOf:
    """A token check that finds every token to be a person's."""

    def __init__(self, identity: str) -> None:
        self.identity = identity

    async def verify(self, credentials: Any, _channel: Any, admit: Any) -> Accepted | Rejected:
        found = admit(self.identity, credentials.user)
        if isinstance(found, LoginRefusal):
            return Rejected(refusal=found, method=Method.ECPS)
        return Accepted(actor=found.actor(Method.ECPS))
