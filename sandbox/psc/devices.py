"""Everyone's e-CPS telephone or card reader: what rings, and what its person will do with it."""

from __future__ import annotations

from sandbox.psc.behaviour import Behaviour, plan
from sandbox.psc.ciba import AuthRequest
from sandbox.psc.people import EndUser, People
from sandbox.psc.sms import SmsInbox
from sandbox.space.errors import UserError

__all__ = ["Devices"]


class Devices:
    """Everyone's e-CPS telephone or card reader. `by_sms`: a request sends an SMS first.

    A request that rings gets, from its person's behaviour, what will be answered and when; so a
    restart keeps it.
    """

    def __init__(
        self, people: People, sms: SmsInbox, behaviour: Behaviour, *, by_sms: bool, seed: int
    ) -> None:
        self.sms = sms
        # False: the channel to the devices is down (Keycloak's 503, anchors.md C3).
        self.reachable = True
        self.behaviour = behaviour
        # What `draw` draws from unless told otherwise: the scenario's.
        self.law = behaviour.law
        self.behaviours: dict[str, Behaviour] = {}
        self._people = people
        self._by_sms = by_sms
        self._seed = seed
        self._ordinals: dict[str, int] = {}

    def behaviour_of(self, national_id: str) -> Behaviour:
        """Return how a person reacts."""
        return self.behaviours.get(national_id, self.behaviour)

    def behave(self, behaviour: Behaviour, national_id: str | None = None) -> None:
        """Set the behaviour of a person, or of everyone without their own.

        Raises:
            UserError: unknown person.
        """
        if national_id is None:
            self.behaviour = behaviour
        elif self._people.find(national_id) is None:
            raise UserError("personne inconnue", "unknown person", where=f"{national_id!r}")
        else:
            self.behaviours[national_id] = behaviour

    def ring(self, person: EndUser, request: AuthRequest, now: float) -> AuthRequest:
        """Show a request to a person; return it with the answer that is planned, if any."""
        rung: float | None = now
        if self._by_sms and request.mode != "browser":
            message = request.binding_message
            sms = self.sms.send(
                person.phone_number, request.ticket, message, now, request.expires_at
            )
            rung = sms["arrives_at"]
        if rung is None:
            return request
        ordinal = self._ordinals.get(person.national_id, 0)
        self._ordinals[person.national_id] = ordinal + 1
        behaviour = self.behaviour_of(person.national_id)
        planned = plan(behaviour, self._seed, person.national_id, ordinal)
        if planned.decision is None:
            return request
        return request.but(planned_at=rung + planned.delay, planned=planned.decision)
