"""The CIBA proxy: a password login that is held until the person has answered on the telephone.

The client needs to know nothing of it: PLAIN or LOGIN, as ever, and some patience. The password is
checked before (`HeldVerifier`): a wrong one never rings. The same holds the login for the
operator's own CIBA (`ciba_operator`), which differs by method and provider only.

The proxy keeps no token, so nothing of Pro Santé Connect's limits the session: ECO.1.2.6 is about
the software that holds the refresh token. What the operator limits is for how long one approval
opens further sessions of the same client (`policies.session_seconds`, which the simulation reads
too).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.approvals import (
    ApprovalKey,
    ApprovalLimits,
    Approvals,
    TooManyError,
)
from sandbox.operators.auth.psc_client import (
    Approval,
    CibaRequest,
    Marks,
    PscClient,
    PscError,
    Timing,
)
from sandbox.operators.auth.verifier import Account
from sandbox.operators.journal import Journal
from sandbox.operators.model import Accepted, Channel, PasswordCredentials, Rejected
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.requests import ticket_of
from sandbox.space.methods import Method

__all__ = ["CibaProxy", "HoldPolicy", "Unanswered"]

# Why nobody answered a request, where the operator can tell; else None.
Unanswered = Callable[[CibaRequest], Awaitable[LoginRefusal | None]]


async def _unknown(_: CibaRequest) -> LoginRefusal | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPolicy:
    """What the operator allows. Durations are seconds.

    Attributes:
        shared: how long an approval opens further sessions of the same client.
        hold: how long a login is held, whatever the provider allows; then no poll is made.
        quiet: how long, after a refusal or no answer, the same client's logins are refused without
            ringing: longer than mail software takes for its other mechanisms, shorter than a person
            takes to try again.
    """

    shared: float
    hold: float
    quiet: float


class CibaProxy:
    """A `HeldVerifier` over one provider.

    Args:
        client: the provider.
        policy: what the operator allows.
        journal: told of requests, and of those that the client abandons.
        method: what a login proves.
        timing: the client's.
        limits: bounds.
        unanswered: tells more of a request that nobody answered.
    """

    def __init__(
        self,
        client: PscClient,
        policy: HoldPolicy,
        journal: Journal,
        *,
        method: Method = Method.ECPS,
        timing: Timing | None = None,
        limits: ApprovalLimits | None = None,
        unanswered: Unanswered = _unknown,
    ) -> None:
        self._client = client
        self._policy = policy
        self._journal = journal
        self._method = method
        self._elapsed = (timing or Timing()).elapsed
        self._unanswered = unanswered
        self.approvals = Approvals(
            policy.shared, quiet=policy.quiet, elapsed=self._elapsed, limits=limits
        )

    async def close(self) -> None:
        """Stop what is pending; the provider's client is closed by whoever made it."""
        await self.approvals.close()

    async def verify(
        self, credentials: PasswordCredentials, channel: Channel, account: Account
    ) -> Accepted | Rejected:
        """Hold the login until the holder of `account` has answered."""
        del credentials  # its password was found right
        began = self._elapsed()
        key = ApprovalKey(account.mailbox, account.identity, channel.client)
        try:
            approval = await self.approvals.obtain(key, lambda: self._ask(account, channel))
        except TooManyError:
            return Rejected(refusal=refusals_ciba.CIBA_TOO_MANY, method=self._method)
        except PscError as error:
            backend, person = self._split(began, error.marks)
            return Rejected(
                refusal=error.refusal, method=self._method, backend=backend, person=person
            )
        backend, person = self._split(began, approval.marks)
        return Accepted(actor=account.actor(self._method), backend=backend, person=person)

    async def _ask(self, account: Account, channel: Channel) -> Approval:
        requests: list[CibaRequest] = []

        def asked(request: CibaRequest) -> None:
            requests.append(request)
            self._journal.note(
                "ciba-request", channel, method=str(self._method), mailbox=account.mailbox,
                identity=account.identity, binding_message=request.binding_message,
                ticket=ticket_of(request.auth_req_id),
            )  # fmt: skip

        try:
            return await self._client.approval(
                account.identity, hold=self._policy.hold, asked=asked
            )
        except PscError as error:
            if requests and error.refusal.name in ("ciba-no-answer", "ciba-held-too-long"):
                error.refusal = await self._unanswered(requests[0]) or error.refusal
            if error.detail:
                self._journal.note(
                    "ciba-failed", channel, reason=error.refusal.name, detail=error.detail
                )  # fmt: skip
            raise

    def _split(self, began: float, marks: Marks | None) -> tuple[float, float]:
        """Return (back end, person): the person's seconds are those of this login's wait."""
        waited = self._elapsed() - began
        if marks is None:
            return waited, 0.0
        person = min(waited, max(0.0, marks.decided - max(began, marks.rung)))
        return waited - person, person
