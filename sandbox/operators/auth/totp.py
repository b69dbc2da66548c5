"""One-time codes: RFC 6238, SHA-1, six digits, as FreeOTP computes them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.operators.auth import refusals
from sandbox.operators.auth.accounts import Secret, SecretState, new_totp_secret
from sandbox.operators.auth.used_codes import Use, UsedCodes
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.errors import UserError

__all__ = ["DIGITS", "CodeJudge", "Match", "TotpPolicy"]

DIGITS = 6
# Steps either side in which a code is recognised as that of another moment, for the journal.
_NEAR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpPolicy:
    """What an operator takes for a good code.

    Attributes:
        step_seconds: length of a time step; telephones know 30.
        skew_steps: steps before and after now whose codes are good (RFC 6238 §5.2 advises 1):
            `policies.totp_window`.
        once: a code is good once (RFC 6238 §5.2: MUST); False shows what lax servers do.
        share_seconds: for so long after its first use, the same client address may use a code of
            the same account again; 0 refuses strictly. Longer than the window, it is a session
            that the operator honours without a new code.

    Raises:
        UserError: a value out of bounds.
    """

    step_seconds: int
    skew_steps: int
    once: bool
    share_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.step_seconds <= 120:
            raise UserError(
                "hors de", "not in", where=f"TOTP: step_seconds {self.step_seconds}", then="1..120"
            )
        if not 0 <= self.skew_steps <= _NEAR:
            raise UserError(
                "hors de", "not in", where=f"TOTP: skew_steps {self.skew_steps}", then=f"0..{_NEAR}"
            )
        if not 0 <= self.share_seconds <= 86_400:
            raise UserError(
                "hors de",
                "not in",
                where=f"TOTP: share_seconds {self.share_seconds:g}",
                then="0..86400",
            )

    @property
    def keep_seconds(self) -> float:
        """How long a use of a code matters."""
        return max(self.share_seconds, (2 * self.skew_steps + 1) * self.step_seconds)


@dataclass(frozen=True, slots=True)
class Match:
    """What a code is: refused for a reason, or a code of a secret, new or shared.

    Attributes:
        refused: why it is no good, None when it is.
        use: what to remember before it is accepted; None when it is shared, or refused.
    """

    refused: LoginRefusal | None
    use: Use | None = None

    @property
    def guessed(self) -> bool:
        """Whether it may be a guess: a right code that comes again is none."""
        return self.refused in {refusals.CODE_WRONG, refusals.CODE_OUT_OF_TIME}


class CodeJudge:
    """Judges codes.

    Args:
        policy: what is good.
        used: where uses are remembered.
        clock: seconds since 1970.
    """

    def __init__(self, policy: TotpPolicy, used: UsedCodes, clock: Callable[[], float]) -> None:
        self.policy = policy
        self._used = used
        self._clock = clock
        # What unknown accounts are compared with, so that they cost the same.
        self._nobody = Secret(0, "", "", new_totp_secret(), "", SecretState.CONFIRMED, 0.0)

    def match(self, secrets: Sequence[Secret], code: str, client: str) -> Match:
        """Say what a code is among secrets; the same work whether there are none or one.

        Args:
            secrets: those of the account that count.
            code: six digits.
            client: address of the peer.
        """
        now = self._clock()
        here = int(now) // self.policy.step_seconds
        tried = secrets or (self._nobody,)
        # Of another moment only what is no code of now.
        found = self._found(tried, code, here, self.policy.skew_steps) or self._found(
            tried, code, here, _NEAR
        )
        if not secrets:
            return Match(refusals.CODE_NOT_ENROLLED)
        if found is not None and abs(found[1] - here) <= self.policy.skew_steps:
            return self._first_or_shared(*found, code, client, now)
        if any(self._shared(use, code, client, now) for each in secrets
               for use in self._used.of(each.id)):  # fmt: skip
            return Match(None)
        return Match(refusals.CODE_WRONG if found is None else refusals.CODE_OUT_OF_TIME)

    async def accept(self, match: Match) -> None:
        """Make a good code used, durably. Nothing may be awaited between `match` and this.

        Raises:
            sqlite3.Error: the disk refused it; nobody is to be let in.
        """
        if match.use is not None:
            await self._used.add(match.use)

    def _found(
        self, secrets: Sequence[Secret], code: str, here: int, reach: int
    ) -> tuple[Secret, int] | None:
        """Return whose code it is and of which step; the nearest, if by chance of two."""
        found: tuple[Secret, int] | None = None
        for secret in secrets:
            key = base64.b32decode(secret.secret + "=" * (-len(secret.secret) % 8))
            for step in range(max(0, here - reach), here + reach + 1):
                good = hmac.compare_digest(_code(key, step), code)
                if good and (found is None or abs(step - here) < abs(found[1] - here)):
                    found = (secret, step)
        return found

    def _first_or_shared(
        self, secret: Secret, step: int, code: str, client: str, now: float
    ) -> Match:
        before = next((use for use in self._used.of(secret.id) if use.step == step), None)
        if before is None:
            return Match(None, Use(secret.id, step, code, client, now))
        if not self.policy.once or self._shared(before, code, client, now):
            return Match(None)
        return Match(refusals.CODE_REUSED)

    def _shared(self, use: Use, code: str, client: str, now: float) -> bool:
        return (
            use.client == client
            and 0 <= now - use.at < self.policy.share_seconds
            and hmac.compare_digest(use.code, code)
        )


def _code(key: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226 §5.3); pyotp takes eight times as long for it."""
    mac = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    at = mac[-1] & 0xF
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
