"""Reads a zone, and the faults in force, from TOML files.

A zone file, every table optional:

    suffix = "mssante.test"
    [hosts]
    "mx1.op1.mssante.test" = ["127.0.0.11"]
    [[domains]]
    name = "op1.mssante.test"
    relays = [[10, "mx1.op1.mssante.test"]]
    texts = ["v=spf1 mx -all"]
    services = [{ label = "imaps", target = "imap.op1.mssante.test", port = 993 }]

A faults file holds `[[faults]]` tables with the fields of `DnsFault`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sandbox.space.errors import UserError
from sandbox.space.reading import read_toml
from sandbox.trust.resolver import DnsFault, Resolver
from sandbox.trust.zone import Host, MailDomain, SrvRecord, ZoneSpec

__all__ = ["faults_reader", "load_faults", "load_zone"]


def load_zone(path: Path) -> ZoneSpec:
    """Read a zone file.

    Raises:
        UserError: not TOML, an unknown key, a wrong value.
    """
    data = read_toml(path)
    try:
        hosts = tuple(Host(n, tuple(a)) for n, a in data.pop("hosts", {}).items())
        domains = tuple(
            MailDomain(
                name=each.pop("name"),
                relays=tuple((int(p), str(h)) for p, h in each.pop("relays", ())),
                services=tuple(SrvRecord(**s) for s in each.pop("services", ())),
                texts=tuple(each.pop("texts", ())),
                **each,
            )
            for each in data.pop("domains", ())
        )
        zone = ZoneSpec(hosts=hosts, domains=domains, **data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError.because("ce n'est pas une zone", "not a zone", path, error) from None
    _ = zone.records
    return zone


def load_faults(path: Path) -> tuple[DnsFault, ...]:
    """Read a faults file; an absent file is no fault.

    Raises:
        UserError: not TOML, an unknown key, a wrong value.
    """
    if not path.exists():
        return ()
    try:
        return tuple(DnsFault(**each) for each in read_toml(path).get("faults", ()))
    except TypeError as error:
        raise UserError.because("ce ne sont pas des défauts", "not faults", path, error) from None


def faults_reader(
    path: Path, resolver: Resolver, complain: Callable[[str], None]
) -> Callable[[], None]:
    """Return what brings a resolver's faults up to date with a file that changes.

    A file that is wrong is complained of once, and the faults in force stay.
    """
    seen: list[object] = [None]

    def refresh() -> None:
        try:
            stat = path.stat()
            state: object = (stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            state = "absent"
        if state == seen[0]:
            return
        seen[0] = state
        try:
            resolver.set_faults(load_faults(path))
        except (UserError, OSError) as error:
            complain(str(error))

    return refresh
