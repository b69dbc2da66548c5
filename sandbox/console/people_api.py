"""The API of telephones, messages and codes: what a person would do, a script does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console import people
from sandbox.console.answers import MissingError, read_object, text_of
from sandbox.console.enrolling import Enrolling
from sandbox.console.operations import Operation, text
from sandbox.console.reader import ACTS, Readers
from sandbox.console.watch import SpaceWatch
from sandbox.observations.schema import Words
from sandbox.space.errors import UserError

__all__ = ["PSC", "PeopleApi"]

PSC = "psc"  # Pro Santé Connect among the providers, in addresses


class PeopleApi:
    """Telephones of a space.

    Args:
        watch: of the space.
        readers: of cards.
        enrolling: of telephones.
    """

    def __init__(self, watch: SpaceWatch, readers: Readers, enrolling: Enrolling) -> None:
        self._space, self._readers, self._enrolling = watch.space, readers, enrolling

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        return (
            Operation(
                name="phones", method="GET", path="/phones", handler=self._phones,
                words=Words("Les téléphones qui sonnent, le plus récent d'abord.",
                            "The telephones that ring, the newest first."),
            ),
            Operation(
                name="answer", method="POST", path="/phones/{provider}/{ticket}",
                handler=self._answer, refuses={"409": "It comes too late."}, required=("decision",),
                body={
                    "decision": text("What the person does.", one_of=[*people.DECISIONS]),
                    "number": text("The number that was chosen; a wrong one counts as such."),
                },
                words=Words("Répondre pour une personne ; provider est psc ou un opérateur.",
                            "Answer for a person; provider is psc or an operator."),
            ),
            Operation(
                name="sms", method="GET", path="/sms", handler=self._sms,
                words=Words("Les SMS arrivés.", "The SMS that have arrived."),
            ),
            Operation(
                name="people", method="GET", path="/people", handler=self._people,
                words=Words("Qui peut se connecter, et avec quoi.", "Who may log in, with what."),
            ),
            Operation(
                name="codes", method="GET", path="/people/{identity:path}/codes",
                handler=self._codes,
                words=Words("Les codes à usage unique d'une personne, en ce moment.",
                            "A person's one-time codes of now."),
            ),
            Operation(
                name="reader", method="GET", path="/people/{identity:path}/reader",
                handler=self._reader,
                words=Words("La carte d'une personne dans le lecteur de la console.",
                            "A person's card in the console's reader."),
            ),
            Operation(
                name="use-card", method="POST", path="/people/{identity:path}/reader",
                handler=self._use_card, required=("act",),
                body={"act": text("What the person does.", one_of=ACTS), "pin": text("Of pin.")},
                words=Words("Mettre la carte, la retirer, taper le code PIN, la débloquer.",
                            "Put the card in, take it out, type the PIN, unblock it."),
            ),
            Operation(
                name="enrol", method="POST", path="/people/{identity:path}/telephones",
                handler=self._enrol, required=("mailbox",),
                body={"mailbox": text("Of the person."), "label": text("Name of the telephone.")},
                words=Words("Enrôler un téléphone à la page de l'opérateur : rend l'URI du QR.",
                            "Enrol a telephone at the operator's page: gives the QR's URI."),
            ),
            Operation(
                name="confirm", method="PUT", path="/people/{identity:path}/telephones",
                handler=self._confirm, required=("mailbox", "code"),
                body={"mailbox": text("Of the person."), "code": text("That it shows.")},
                words=Words("Confirmer le téléphone par un code qu'il affiche.",
                            "Confirm the telephone by a code that it shows."),
            ),
        )  # fmt: skip

    async def _phones(self, _: Request) -> Response:
        rings = await asyncio.to_thread(people.ringing, self._space.providers())
        return JSONResponse(
            {"phones": [{**asdict(each), "provider": each.provider or PSC} for each in rings]}
        )

    async def _answer(self, request: Request) -> Response:
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

    async def _sms(self, _: Request) -> Response:
        named = people.carried(self._space.sheet["accounts"])
        found = await asyncio.to_thread(people.inbox, self._space.providers(), named)
        return JSONResponse({"sms": [asdict(each) for each in found]})

    async def _people(self, _: Request) -> Response:
        named = people.carried(self._space.sheet["accounts"])
        return JSONResponse({"people": [asdict(each) for each in named.values()]})

    async def _codes(self, request: Request) -> Response:
        identity, now = self._known(request), time.time()
        granted = people.codes(self._space.sheet["accounts"], identity, now)
        return JSONResponse({"codes": granted + people.shown(self._enrolling.of(identity), now)})

    async def _reader(self, request: Request) -> Response:
        return self._told(self._known(request))

    async def _use_card(self, request: Request) -> Response:
        identity, data = self._known(request), await read_object(request)
        self._readers.act(identity, text_of(data, "act"), text_of(data, "pin", ""))
        return self._told(identity)

    async def _enrol(self, request: Request) -> Response:
        identity, data = self._known(request), await read_object(request)
        mailbox, label = text_of(data, "mailbox"), text_of(data, "label", "")[:40]
        made = await asyncio.to_thread(self._enrolling.begin, identity, mailbox, label)
        return JSONResponse({"mailbox": made.mailbox, "label": made.label, "uri": made.uri})

    async def _confirm(self, request: Request) -> Response:
        identity, data = self._known(request), await read_object(request)
        mailbox, code = text_of(data, "mailbox").lower(), text_of(data, "code")
        made = await asyncio.to_thread(self._enrolling.confirm, identity, mailbox, code)
        return JSONResponse({"mailbox": made.mailbox, "label": made.label, "confirmed": True})

    def _told(self, identity: str) -> Response:
        card = self._readers.card(identity)
        return JSONResponse({**asdict(card), "blocked": card.blocked})

    def _known(self, request: Request) -> str:
        identity = str(request.path_params["identity"])
        if identity not in people.carried(self._space.sheet["accounts"]):
            raise MissingError("personne inconnue", "unknown person", where=identity[:60])
        return identity
