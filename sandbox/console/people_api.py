"""The API of telephones, messages and codes: what a person would do, a script does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console import people
from sandbox.console.answers import MissingError, read_object, text_of
from sandbox.console.operations import Operation, text
from sandbox.console.watch import SpaceWatch
from sandbox.observations.reasons import Words
from sandbox.space.errors import UserError

__all__ = ["PSC", "PeopleApi"]

PSC = "psc"  # Pro Santé Connect among the providers, in addresses


class PeopleApi:
    """Telephones of a space.

    Args:
        watch: of the space.
    """

    def __init__(self, watch: SpaceWatch) -> None:
        self._space = watch.space

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        return (
            Operation(
                name="phones", method="GET", path="/phones", handler=self.phones,
                words=Words("Les téléphones qui sonnent, le plus récent d'abord.",
                            "The telephones that ring, the newest first."),
            ),
            Operation(
                name="answer", method="POST", path="/phones/{provider}/{ticket}",
                handler=self.answer, refuses={"409": "It comes too late."}, required=("decision",),
                body={
                    "decision": text("What the person does.", one_of=["approve", "refuse"]),
                    "number": text("The number that was chosen; a wrong one counts as such."),
                },
                words=Words("Répondre pour une personne ; provider est psc ou un opérateur.",
                            "Answer for a person; provider is psc or an operator."),
            ),
            Operation(
                name="sms", method="GET", path="/sms", handler=self.sms,
                words=Words("Les SMS arrivés.", "The SMS that have arrived."),
            ),
            Operation(
                name="people", method="GET", path="/people", handler=self.people,
                words=Words("Qui peut se connecter, et avec quoi.", "Who may log in, with what."),
            ),
            Operation(
                name="codes", method="GET", path="/people/{identity:path}/codes",
                handler=self.codes,
                words=Words("Les codes à usage unique d'une personne, en ce moment.",
                            "A person's one-time codes of now."),
            ),
        )  # fmt: skip

    async def phones(self, request: Request) -> Response:
        """See the table."""
        del request
        rings = await asyncio.to_thread(people.ringing, self._space.providers())
        return JSONResponse(
            {"phones": [{**asdict(each), "provider": each.provider or PSC} for each in rings]}
        )

    async def answer(self, request: Request) -> Response:
        """See the table."""
        data = await read_object(request)
        label, ticket = request.path_params["provider"], request.path_params["ticket"]
        decision, number = text_of(data, "decision"), text_of(data, "number", "")
        providers = self._space.providers()
        try:
            state = await asyncio.to_thread(
                people.decide, providers, "" if label == PSC else label, ticket, decision, number
            )
        except MissingError:
            raise
        except UserError as error:
            if error.where == "decision":
                raise
            return JSONResponse({"error": {"fr": error.french, "en": error.english}}, 409)
        return JSONResponse({"ticket": ticket, "state": state})

    async def sms(self, request: Request) -> Response:
        """See the table."""
        del request
        named = people.carried(self._space.sheet["accounts"])
        found = await asyncio.to_thread(people.inbox, self._space.providers(), named)
        return JSONResponse({"sms": [asdict(each) for each in found]})

    async def people(self, request: Request) -> Response:
        """See the table."""
        del request
        named = people.carried(self._space.sheet["accounts"])
        return JSONResponse({"people": [asdict(each) for each in named.values()]})

    async def codes(self, request: Request) -> Response:
        """See the table."""
        identity = request.path_params["identity"]
        accounts = self._space.sheet["accounts"]
        if identity not in people.carried(accounts):
            raise MissingError("personne inconnue", "unknown person", where=identity[:60])
        return JSONResponse({"codes": people.codes(accounts, identity, time.time())})
