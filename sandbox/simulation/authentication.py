"""The methods, as fragments of dialogue: what happens before the connection and inside it.

What happens inside holds a connection slot: a login that waits for a telephone holds it for
seconds to minutes, a token obtained beforehand does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation.draws import Law, exponential, lognormal
from sandbox.simulation.steps import (
    Ask,
    Branch,
    Clear,
    Deadline,
    Delay,
    During,
    Fail,
    Fresh,
    Goto,
    Hold,
    Label,
    Once,
    Pending,
    Purpose,
    Retry,
    Scope,
    Serve,
    Settle,
    Stamp,
    Step,
    Today,
)
from sandbox.space.laws import WaitLaw, ecps_answer, sms_answer, sms_delivery
from sandbox.space.methods import Mechanism, Method
from sandbox.space.scenario import Scenario
from sandbox.space.sections.people import Software

__all__ = ["Authentication", "Items"]

Items = list[Label | Step]


def _law(wait: WaitLaw) -> Law:
    """Return a scenario's law as the kernel inverts it."""
    return lognormal(wait.mean, wait.variation, wait.shift)


@dataclass(frozen=True, slots=True)
class Authentication:
    """Writes the fragments of one scenario's methods.

    Their labels "close", "pause" and "timed out" stand in the session around them
    (`dialogues.Dialogues`).
    """

    scenario: Scenario

    def before(
        self, method: Method, mechanism: Mechanism, *, present: bool, away: bool = False
    ) -> Items:
        """What happens before the connection: no slot is held meanwhile."""
        if method is Method.TOTP and present:
            totp = self.scenario.methods.totp
            return [
                Fresh("grant", self.scenario.policies.session_seconds, "typed"),
                Delay(
                    Phase.PERSON,
                    law=lognormal(totp.typing_mean, totp.typing_cv),
                    purpose=Purpose.TYPE_CODE,
                ),
                "typed",
            ]
        if method is Method.ECPS and mechanism is Mechanism.XOAUTH2:
            return self._token(away=away)
        return []

    def _token(self, *, away: bool) -> Items:
        """The software gets a PSC access token: kept, refreshed, or by a full CIBA flow."""
        policies, psc = self.scenario.policies, self.scenario.backends.psc
        return [
            Fresh("token", policies.token_seconds, "have token"),
            During("psc", "psc down"),
            # TCP and TLS to PSC, from the client's own site.
            Delay(Phase.BACKEND, psc.rtt, round_trips=3),
            Fresh("psc session", policies.psc_session_seconds, "refresh"),
            *self._ciba(policies.ciba_expiry, "expired", "declined", "psc down", away=away),
            Clear(),
            Stamp("psc session"),
            Goto("got token"),
            "expired",
            Settle(),
            Fail(Cause.NO_ANSWER),
            Goto("pause"),
            "declined",
            Clear(),
            Fail(Cause.REFUSED),
            Goto("pause"),
            "psc down",
            Clear(),
            Delay(Phase.BACKEND, psc.timeout),
            Fail(Cause.BACKEND_DOWN),
            Goto("pause"),
            "refresh",
            Serve("psc", Phase.BACKEND, law=exponential(psc.token), purpose=Purpose.PSC_TOKEN,
                  scope=Scope.NATIONAL),
            "got token",
            Stamp("token"),
            "have token",
        ]  # fmt: skip

    def _ciba(
        self, budget: float, expired: Label, declined: Label, down: Label, *, away: bool
    ) -> Items:
        """Ask the telephone through PSC and wait, polling or pinged; ends with the answer in.

        `budget` is how long the asker can wait, s; then it goes to `expired`. A telephone that is
        not at hand today, or whose person is `away`, rings in vain each time.
        """
        policies, psc, ecps = (
            self.scenario.policies, self.scenario.backends.psc, self.scenario.methods.ecps,
        )  # fmt: skip
        answer = ecps_answer(ecps)
        in_vain = Ask(_law(answer.wait), Purpose.APPROVAL, 1.0)
        ask: Items = (
            [in_vain]
            if away
            else [
                Today(ecps.forgotten, Purpose.FORGOTTEN, "not at hand"),
                Ask(_law(answer.wait), Purpose.APPROVAL, answer.never),
                Goto("rings"),
                "not at hand",
                in_vain,
                "rings",
            ]
        )
        request: Items = [
            Serve("psc", Phase.BACKEND, law=exponential(psc.authentication),
                  purpose=Purpose.PSC_REQUEST, scope=Scope.NATIONAL),
            *ask,
            Deadline(budget, expired),
        ]  # fmt: skip
        if policies.ciba_mode == "poll":
            wait: Items = [
                "poll",
                Delay(None, policies.ciba_interval),
                During("psc", f"{down} while asking"),
                Serve("psc", None, law=exponential(psc.poll), purpose=Purpose.PSC_POLL,
                      scope=Scope.NATIONAL),
                Pending("poll"),
                Goto("answered"),
                f"{down} while asking",
                Settle(),
                Goto(down),
                "answered",
            ]  # fmt: skip
        else:
            wait = [
                Hold(answer=True),
                Delay(None, psc.rtt),
                Serve("psc", None, law=exponential(psc.token), purpose=Purpose.PSC_TOKEN,
                      scope=Scope.NATIONAL),
            ]  # fmt: skip
        refusal: Items = (
            [Branch(answer.refused, Purpose.REFUSAL, declined)] if answer.refused else []
        )
        return [*request, *wait, Settle(), *refusal]

    def holds(self, method: Method, mechanism: Mechanism) -> bool:
        """Whether the connection is held until a person answers, as long as software waits."""
        return method is Method.SMS or (
            method is Method.ECPS and mechanism is not Mechanism.XOAUTH2
        )

    def inside(
        self, protocol: str, method: Method, mechanism: Mechanism, software: Software, *,
        present: bool, away: bool = False,
    ) -> Items:  # fmt: skip
        """The method at the operator, inside the connection: the slot is held."""
        match method:
            case Method.CPS | Method.CERTIFICATE:
                return self._certificate()
            case Method.TOTP:
                return self._totp(present=present)
            case Method.ECPS if mechanism is Mechanism.XOAUTH2:
                return self._check_token()
            case Method.ECPS:
                return self._ciba_proxy(protocol, software, away=away)
            case _:
                return self._sms(protocol, software, away=away)

    def _certificate(self) -> Items:
        """The certificate said who it is; the directory says whose mailbox that is."""
        directory = self.scenario.backends.directory
        return [
            Branch(1.0 - directory.miss, Purpose.DIRECTORY_MISS, "known"),
            Delay(Phase.BACKEND, directory.rtt),
            Serve("directory", Phase.BACKEND, law=exponential(directory.lookup),
                  purpose=Purpose.DIRECTORY, scope=Scope.NATIONAL),
            "known",
        ]  # fmt: skip

    def _totp(self, *, present: bool) -> Items:
        """Password and code in one go; a code serves once where the policy says so."""
        policies, totp = self.scenario.policies, self.scenario.methods.totp
        once: Items = []
        reused: Items = []
        if policies.totp_once:
            once = [Once("code", policies.totp_step, "reused")]
            reused = ["reused", Clear(), Fail(Cause.CODE_REUSED), Goto("close")]
        if present:
            presented: Items = [Branch(totp.mistyped, Purpose.MISTYPE, "no code")]
            typed: Items = [Stamp("typed")]
            cause = Cause.CODE_MISTYPED
        else:  # software alone can only send the code that it was given last
            presented = [Fresh("typed", policies.totp_step, "given"), Goto("no code"), "given"]
            typed = []
            cause = Cause.PERSON_NEEDED
        return [
            Fresh("grant", policies.session_seconds, "granted"),
            *presented,
            *once,
            Stamp("grant"),
            *typed,
            Goto("granted"),
            *reused,
            "no code",
            Clear(),
            Fail(cause),
            Goto("close"),
            "granted",
        ]

    def _check_token(self) -> Items:
        """The operator asks PSC about the token, or verifies its signature itself."""
        if self.scenario.policies.token_check == "jwks":  # noqa: S105 (a policy, not a secret)
            return []
        psc = self.scenario.backends.psc
        return [
            During("psc", "no introspection"),
            Delay(Phase.BACKEND, psc.rtt),
            Serve("psc", Phase.BACKEND, law=exponential(psc.introspection),
                  purpose=Purpose.PSC_INTROSPECT, scope=Scope.NATIONAL),
            Goto("verified"),
            "no introspection",
            Delay(Phase.BACKEND, psc.timeout),
            Clear(),
            Fail(Cause.BACKEND_DOWN),
            Goto("close"),
            "verified",
        ]  # fmt: skip

    def _held(self, protocol: str, software: Software, expiry: float) -> tuple[float, Cause]:
        """Return how long a held login lasts at most, s, and why it ends then.

        Untagged lines of the server keep an IMAP client's socket alive; SMTP allows no such line.
        """
        policies = self.scenario.policies
        limits = {
            policies.prelogin_timeout: Cause.CLIENT_TIMEOUT,
            expiry: Cause.NO_ANSWER,
        }
        if protocol != "imap" or not policies.imap_keepalive:
            limits[software.timeout] = Cause.CLIENT_TIMEOUT
        shortest = min(limits)
        return shortest, limits[shortest]

    def _ciba_proxy(self, protocol: str, software: Software, *, away: bool) -> Items:
        """The proxy of the proof of concept: the login is held until the telephone answers.

        Software refused once tries its other mechanisms: the telephone rings again for each,
        unless the operator leaves it in peace for a while.
        """
        policies, psc = self.scenario.policies, self.scenario.backends.psc
        budget, cause = self._held(protocol, software, policies.ciba_expiry)
        again: Items = (
            [Delay(Phase.SASL, round_trips=1), Retry(software.refusal_rings - 1, "ring")]
            if software.refusal_rings > 1
            else []
        )
        return [
            Fresh("grant", policies.session_seconds, "granted"),
            "ring",
            Fresh("peace", policies.peace_seconds, "in peace"),
            During("psc", "psc down"),
            Delay(Phase.BACKEND, psc.rtt),
            *self._ciba(budget, "unanswered", "declined", "psc down", away=away),
            Stamp("grant"),
            Goto("granted"),
            "unanswered",
            Settle(),
            Fail(cause),
            Goto("close"),
            "declined",
            Stamp("peace"),
            "in peace",
            Clear(),
            Fail(Cause.REFUSED),
            *again,
            Goto("close"),
            "psc down",
            Deadline(software.timeout, "timed out"),
            Delay(Phase.BACKEND, psc.timeout),
            Clear(),
            Fail(Cause.BACKEND_DOWN),
            Goto("close"),
            "granted",
        ]

    def _sms(self, protocol: str, software: Software, *, away: bool) -> Items:
        """The operator's own CIBA: a link in an SMS; the login is held meanwhile."""
        policies, gateway, sms = (
            self.scenario.policies, self.scenario.backends.sms, self.scenario.methods.sms,
        )  # fmt: skip
        budget, cause = self._held(protocol, software, sms.expiry)
        answer = _law(sms_delivery(sms).then(sms_answer(sms).wait))
        return [
            Fresh("grant", policies.session_seconds, "granted"),
            Serve("sms", Phase.BACKEND, law=exponential(gateway.send),
                  purpose=Purpose.SMS_GATEWAY, scope=Scope.NATIONAL),
            Branch(sms.lost, Purpose.SMS_LOST, "sms lost"),
            Ask(answer, Purpose.SMS_CLICK, 1.0 if away else 0.0),
            Deadline(budget, "unanswered"),
            Hold(answer=True),
            Settle(),
            Stamp("grant"),
            Goto("granted"),
            "unanswered",
            Settle(),
            Fail(cause),
            Goto("close"),
            "sms lost",
            Clear(),
            Delay(Phase.PERSON, budget),
            Fail(Cause.SMS_LOST),
            Goto("close"),
            "granted",
        ]  # fmt: skip
