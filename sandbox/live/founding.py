"""What a space stands on, made or found again before it listens: folder, plan, people, keys."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.directory import Directory
from sandbox.live.blocks import held_block
from sandbox.live.cast import CastAccount, cast_of, open_directory
from sandbox.live.certificates import wanted_by_people, wanted_by_servers
from sandbox.live.folder import Founding, SpaceFolder
from sandbox.live.joining import feed
from sandbox.live.keys import Keys
from sandbox.live.launch import LiveOptions, founding_of, process_count, scenario_begin, wire_asked
from sandbox.live.plan import SpacePlan
from sandbox.live.planning import plan_space
from sandbox.live.wire import WireSettings
from sandbox.space.loader import load_scenario
from sandbox.space.scenario import Scenario
from sandbox.trust import KeyKind, Urls

__all__ = ["Founded", "found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """What a space stands on.

    Attributes:
        folder: where it lives.
        founding: what it was founded with.
        scenario: what it is made from.
        wire: how servers are set.
        plan: names, addresses, ports.
        processes: that operators are shared out to; 0 for none.
        directory: people, structures, mailboxes.
        accounts: who may log in.
        keys: the authority, and every certificate that is wanted.
    """

    folder: SpaceFolder
    founding: Founding
    scenario: Scenario
    wire: WireSettings
    plan: SpacePlan
    processes: int
    directory: Directory
    accounts: tuple[CastAccount, ...]
    keys: Keys


def found(
    stack: contextlib.ExitStack, options: LiveOptions, tell: Callable[[str], None]
) -> Founded:
    """Make what a space stands on, or find it again; held until the stack unwinds.

    Raises:
        UserError: what is asked cannot be; nothing has started.
    """
    temporary = options.folder is None
    path = options.folder or Path(
        stack.enter_context(tempfile.TemporaryDirectory(prefix="mssante-"))
    )
    folder = SpaceFolder(path)
    stack.enter_context(folder.locked())
    if options.reset:
        folder.reset()
    free = stack.enter_context(held_block(None)) if temporary and not options.block else None
    founding = founding_of(options, folder, temporary=temporary, block=free)
    scenario = load_scenario(founding.scenario)
    wire = wire_asked(options, scenario)
    scenario_begin(options, scenario)  # what cannot be is refused before anything starts
    plan = plan_space(
        scenario,
        options.designs,
        login_policy=options.login_policy,
        operators=founding.operators,
        joining=options.join,
        port_offset=founding.port_offset,
        block=founding.block,
    )
    processes = process_count(options, len(plan.operators))
    if free is None:
        stack.enter_context(held_block(founding.block))
    folder.keep(founding)
    directory = open_directory(folder.path / "annuaire.db", plan, founding.seed, options.cast)
    stack.callback(directory.close)
    for each in plan.joined:
        feed(directory, each.label, each.domain, each.mailboxes)
    accounts = cast_of(directory, plan, founding.seed, options.cast)
    if not (folder.path / "pki" / "ca.json").exists():
        tell("Clés et certificats, une fois… / Keys and certificates, once…")
    urls = Urls(files=plan.files.url(scheme="http"), ocsp=plan.ocsp.url(scheme="http"))
    keys = Keys(folder.path, urls, KeyKind(founding.keys))
    people = wanted_by_people(directory, accounts)
    keys.ensure([*wanted_by_servers(plan), keys.want_list_signer(), *people])
    keys.ca.warm()
    return Founded(
        folder=folder, founding=founding, scenario=scenario, wire=wire, plan=plan,
        processes=processes, directory=directory, accounts=accounts, keys=keys,
    )  # fmt: skip
