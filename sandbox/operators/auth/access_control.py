"""Puts one operator's logins together, from its files and the space's directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.directory import Directory
from sandbox.operators.auth.accounts import Accounts
from sandbox.operators.auth.authenticator import Authenticator
from sandbox.operators.auth.certificat import ApplicationLogin
from sandbox.operators.auth.certificates import CertificateJudge
from sandbox.operators.auth.cps import CardLogin
from sandbox.operators.auth.holdings import Holdings
from sandbox.operators.auth.limits import AttemptPolicy, Attempts
from sandbox.operators.auth.passwords import PasswordLogin
from sandbox.operators.auth.revocation import Revocation, RevocationPolicy
from sandbox.operators.auth.totp import CodeJudge, TotpPolicy
from sandbox.operators.auth.used_codes import UsedCodes
from sandbox.operators.auth.verifier import HeldVerifier, TokenVerifier
from sandbox.operators.journal import Journal
from sandbox.space.errors import UserError
from sandbox.space.methods import Method
from sandbox.trust import load_bundle
from sandbox.trust.checking import AskRevocation

__all__ = ["AccessControl", "AccessPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """What an operator asks of a login.

    Attributes:
        totp: codes.
        revocation: evidence for certificates.
        recheck_seconds: between two looks at whether an open session may stay open: certificate
            good and not revoked, mailbox still its holder's.
        attempts: failures allowed.
        accept_unknown: let in a certificate of which neither OCSP nor CRL can tell.
        refusal_seconds: see `Authenticator`.

    Raises:
        UserError: a session that is looked at more than once a second, or never.
    """

    totp: TotpPolicy
    revocation: RevocationPolicy
    recheck_seconds: float
    attempts: AttemptPolicy = field(default_factory=AttemptPolicy)
    accept_unknown: bool = False
    refusal_seconds: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.recheck_seconds <= 86_400:
            raise UserError(
                "1 à 86400 secondes entre deux contrôles d'une session ouverte",
                "1 to 86400 seconds between two looks at an open session",
                where=f"recheck_seconds {self.recheck_seconds:g}",
            )


class AccessControl:
    """The logins of one operator, and the files they stand on. For one event loop.

    Args:
        folder: where `accounts.db` and `codes.db` are, or are made; its owner's only.
        directory: the space's directory.
        domains: domains that this operator serves, now.
        bundle: roots and intermediates of IGC-Santé (PEM, DER or PKCS#7).
        journal: the operator's.
        policy: what is asked.
        held: verifiers of `ecps` and `ciba-operateur`, those in service.
        tokens: verifier of access tokens.
        revocation: asks whether a certificate is revoked; OCSP and CRL over HTTP by default.
        clock: seconds since 1970.

    Attributes:
        policy: what is asked.
        journal: the operator's.
        accounts: passwords, TOTP secrets, phones.
        holdings: who may open which mailbox.
        attempts: failures counted.
        passwords, cards, codes: what enrolment asks too.
        authenticator: what the protocols ask.
    """

    def __init__(
        self,
        folder: Path,
        *,
        directory: Directory,
        domains: Callable[[], frozenset[str]],
        bundle: bytes,
        journal: Journal,
        policy: AccessPolicy,
        held: Mapping[Method, HeldVerifier] | None = None,
        tokens: TokenVerifier | None = None,
        revocation: AskRevocation | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        authorities = load_bundle(bundle)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.policy = policy
        self.journal = journal
        self.accounts = Accounts(folder / "accounts.db", clock=clock)
        self._used = UsedCodes(folder / "codes.db", keep=policy.totp.keep_seconds, now=clock())
        self.holdings = Holdings(directory, self.accounts, domains)
        self.attempts = Attempts(policy.attempts, clock)
        self.codes = CodeJudge(policy.totp, self._used, clock)
        self._evidence = Revocation(authorities, policy.revocation, clock)
        judge = CertificateJudge(
            authorities,
            revocation or self._evidence,
            lambda unit: self.holdings.structure(unit) is not None,
            clock,
            accept_unknown=policy.accept_unknown,
        )
        self.passwords = PasswordLogin(
            self.holdings, self.accounts, self.codes, self.attempts, held or {}
        )
        self.cards = CardLogin(judge, self.holdings.admit)
        self.authenticator = Authenticator(
            passwords=self.passwords,
            cards=self.cards,
            applications=ApplicationLogin(judge, self.holdings),
            admit=self.holdings.admit,
            attempts=self.attempts,
            journal=journal,
            tokens=tokens,
            refusal_seconds=policy.refusal_seconds,
        )

    async def close(self) -> None:
        """Write what waits and close the files."""
        await self._used.close()
        await self._evidence.close()
        self.accounts.close()
