"""`mss-sandbox psc …` of a provider that runs: decide for a person, move the clock, read events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import httpx

from sandbox.psc.ciba import DeviceDecision
from sandbox.psc.people import BUILT_IN
from sandbox.serve import client_context
from sandbox.space.errors import UserError
from sandbox.space.options import FOLDER, Decorator, json_option, options

__all__ = ["SHEET", "VERBS", "home_option"]

SHEET = "psc.json"
SPACE_SHEET = "space.json"
Place = tuple[Path, Path]
home_option = click.option(
    "--home",
    type=FOLDER,
    default=lambda: Path(click.get_app_dir("mssante-sandbox")) / "psc",
    help="Dossier des certificats et de l'état. / Folder of certificates and state.",
)


def _reach(home: Path, space: Path) -> tuple[str, str, str]:
    """Return (origin, control secret, authorities) of what runs: `psc serve`, else `up`."""
    if (home / SHEET).exists():
        sheet = json.loads((home / SHEET).read_text("utf-8"))
        return sheet["origin"], sheet["control_secret"], sheet["ca"]
    sheet = json.loads((space / SPACE_SHEET).read_text("utf-8"))
    told = sheet["psc"]
    return told["control"].removesuffix("/sandbox"), told["control_secret"], sheet["ca"]["bundle"]


def _call(place: Place, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the control API of the server that runs.

    Raises:
        UserError: none runs, or it refuses.
    """
    home, space = place
    try:
        origin, secret, ca = _reach(home, space)
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(
            verify=client_context(Path(ca)), trust_env=False, timeout=10, headers=headers
        ) as client:
            answer = client.request(method, origin + path, json=body)
    except (OSError, ValueError, KeyError, TypeError, httpx.HTTPError):
        raise UserError(
            "aucun émulateur ne répond ; lancer",
            "none answers; run",
            where=f"{home / SHEET}, {space / SPACE_SHEET}",
            then="mss-sandbox psc serve, mss-sandbox up",
        ) from None
    try:
        data = answer.json()
    except ValueError:
        raise UserError(
            "réponse illisible",
            "unreadable answer",
            where=path,
            then=f"(HTTP {answer.status_code})",
        ) from None
    if answer.status_code >= 400:
        raise UserError(
            "refusé par l'émulateur",
            "refused by the emulator",
            then=f"({data.get('error', answer.status_code)})",
        )
    return data


def _placed(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which server is meant, as `place`."""

    @wraps(command)
    def placed(*, home: Path, space: Path, **given: Any) -> None:
        command(place=(home, space), **given)

    where = click.option(
        "--dir",
        "space",
        type=FOLDER,
        default=Path("out/space"),
        help="Dossier d'un espace (up), sans `psc serve`. / Folder of a space, without psc serve.",
    )
    return home_option(where(placed))


# The options that say which requests are meant.
_deciding: Decorator = options(
    _placed,
    click.argument("national_id", required=False),
    click.option("--client", "client_id", help="De ce client seul. / Of that client only."),
    click.option(
        "--newest",
        "which",
        flag_value="newest",
        default=True,
        help="La plus récente. / The newest.",
    ),
    click.option("--oldest", "which", flag_value="oldest", help="La plus ancienne. / The oldest."),
    click.option("--all", "which", flag_value="all", help="Toutes. / All of them."),
    json_option,
)


def _decide(place: Place, decision: DeviceDecision, *, as_json: bool, **chosen: Any) -> None:
    done = _call(place, "POST", "/sandbox/decide", {"decision": str(decision), **chosen})
    if as_json:
        click.echo(json.dumps(done["decided"], ensure_ascii=False))
        return
    for each in done["decided"]:
        click.echo(f"{each['national_id']} · {each['binding_message'] or '—'} · {each['state']}")


@click.command()
@_deciding
def approve(*, place: Place, as_json: bool, **chosen: Any) -> None:
    """Approuver la demande la plus récente. / Approve the newest request."""
    _decide(place, DeviceDecision.APPROVE, as_json=as_json, **chosen)


@click.command()
@click.option("--wrong-code", is_flag=True, help="Saisir un code faux. / Enter a wrong code.")
@_deciding
def refuse(*, place: Place, wrong_code: bool, as_json: bool, **chosen: Any) -> None:
    """Refuser la demande la plus récente. / Refuse the newest request."""
    decision = DeviceDecision.WRONG_CODE if wrong_code else DeviceDecision.REFUSE
    _decide(place, decision, as_json=as_json, **chosen)


@click.command()
@json_option
@_placed
def people(*, as_json: bool, place: Place) -> None:
    """Lister les personnes. / List the people."""
    if (place[0] / SHEET).exists() or (place[1] / SPACE_SHEET).exists():
        listed = _call(place, "GET", "/sandbox/people")["people"]
    else:
        listed = [
            {
                "national_id": person.national_id,
                "given_name": person.given_name,
                "family_name": person.family_name,
                "enabled": person.enabled,
            }
            for person in BUILT_IN
        ]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False))
        return
    for person in listed:
        state = "" if person["enabled"] else "  (désactivé / disabled)"
        name = f"{person['given_name']} {person['family_name']}"
        click.echo(f"{person['national_id']:<28}{name}{state}")


@click.command()
@click.argument("seconds", type=float)
@_placed
def advance(*, seconds: float, place: Place) -> None:
    """Avancer l'horloge de SECONDS. / Move the clock forward."""
    done = _call(place, "POST", "/sandbox/clock", {"advance": seconds})
    click.echo(f"{done['now']:.3f}")


@click.command()
@click.option("--follow", is_flag=True, help="Suivre en direct. / Follow live.")
@json_option
@_placed
def events(*, follow: bool, as_json: bool, place: Place) -> None:
    """Montrer le journal expliqué. / Show the explained event log."""
    since = 0
    while True:
        for event in _call(place, "GET", f"/events?since={since}")["events"]:
            since = event["seq"]
            if as_json:
                click.echo(json.dumps(event, ensure_ascii=False))
                continue
            words = (event.get("text_fr"), event.get("remedy_fr"), event.get("clause"))
            click.echo(f"{event['seq']:>6} {event['kind']:<13}" + " — ".join(filter(None, words)))
        if not follow:
            return
        # Ctrl-C is the way out; half a second is less than a reader notices.
        time.sleep(0.5)


VERBS = (approve, refuse, people, advance, events)
