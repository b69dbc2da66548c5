"""The connection sheet for people: where to point mail software, and lines to copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["connection_sheet"]

Tree = dict[str, Any]


def connection_sheet(sheet: Tree, file: Path, *, everything: bool = False) -> str:
    """Return the sheet, French first, from the content of `space.json`.

    Unless everything is asked for: the first design, an account for each method, lines to copy.
    """
    return "\n".join(_everything(sheet, file) if everything else _short(sheet, file))


def _short(sheet: Tree, file: Path) -> Iterator[str]:
    yield from _console(sheet)
    yield f"Espace prêt / space ready: {sheet['scenario']}, {sheet['folder']}"
    found = _account_of_each_method(sheet)
    names = {account["operator"] for account, _, _ in found}
    for operator in sheet["operators"]:
        if operator["name"] not in names:
            continue
        design, endpoints = next(iter(operator["designs"].items()))
        yield ""
        yield f"{operator['domain']}  {design}"
        for each in endpoints:
            yield _endpoint(each)
    yield ""
    for account, holder, method in found:
        yield f"{method:14} {account['address']}  {_way(method, holder['methods'][method])}"
    yield ""
    yield from _examples(sheet)
    yield ""
    phones, pages = sheet["psc"]["phones"], sheet["operators"][0]["enrolment"]
    yield f"Téléphones / phones {phones}   enrôlement / enrolment {pages}"
    yield from _outages(sheet)
    yield from _joined(sheet)
    yield f"Tout / everything: mss-sandbox up --all, {file}"
    yield "Ctrl-C pour arrêter / to stop"


def _console(sheet: Tree) -> Iterator[str]:
    if "console" in sheet:
        yield f"Console {sheet['console']}"


def _joined(sheet: Tree) -> Iterator[str]:
    """Say what operators that are not ours have to know first."""
    for each in sheet["joined"]:
        pair = each["certificates"]["relay"]
        yield (
            f"Joint / joined {each['domain']}  MX {_place(each['mx'])}  {pair['certificate']}"
            f"  {pair['key']}"
        )


def _account_of_each_method(sheet: Tree) -> list[tuple[Tree, Tree, str]]:
    """Return for each method the first account, its holder, and the method."""
    found: dict[str, tuple[Tree, Tree, str]] = {}
    for account in sheet["accounts"]:
        for holder in account["holders"]:
            for method in holder["methods"]:
                found.setdefault(method, (account, holder, method))
    return list(found.values())


def _endpoint(each: Tree) -> str:
    return (
        f"    {each['protocol']:4} {each['host']}:{each['port']}"
        f"  ({each['address']}, {each['tls']})  {', '.join(each['methods'])}"
    )


def _everything(sheet: Tree, file: Path) -> Iterator[str]:
    yield from _console(sheet)
    yield f"Espace prêt / space ready: {sheet['scenario']}, {sheet['folder']}"
    yield ""
    for operator in sheet["operators"]:
        yield f"{operator['domain']}    MX {_place(operator['mx'])}"
        for design, endpoints in operator["designs"].items():
            yield f"  {design}"
            yield from map(_endpoint, endpoints)
        yield f"  enrôlement / enrolment {operator['enrolment']}   SMS {operator['sms']}"
    yield ""
    yield from _joined(sheet)
    yield "Comptes / accounts"
    for account in sheet["accounts"]:
        for holder in account["holders"]:
            yield f"  {account['type']} {account['address']}  {holder['name']} {holder['identity']}"
            yield f"      {_ways(holder['methods'])}"
    yield ""
    yield f"AC / CA             {sheet['ca']['bundle']}"
    yield f"DNS                 {sheet['dns']['address']} port {sheet['dns']['port']}"
    yield f"hosts               {sheet['hosts_file']}"
    yield f"Liste / list        {sheet['list']['url']}"
    directory = sheet["directory"]
    yield f"Annuaire            {directory['ldap']}  {directory['ldaps']}  {directory['fhir']}"
    yield f"Pro Santé Connect   {sheet['psc']['issuer']}"
    yield f"Téléphones / phones {sheet['psc']['phones']}"
    yield from _outages(sheet)
    yield from _joined(sheet)
    yield f"Tout / everything   {file}"
    yield ""
    yield "À copier / to copy"
    yield from (f"  {line}" for line in _examples(sheet))
    yield ""
    yield "Ctrl-C pour arrêter / to stop"


def _outages(sheet: Tree) -> Iterator[str]:
    for each in sheet["psc"]["outages"]:
        yield f"Panne PSC / PSC outage {each['begin']} - {each['end']}"


def _place(server: Tree) -> str:
    return f"{server['host']} ({server['address']}:{server['port']})"


def _ways(methods: Tree) -> str:
    """Return on one line what a holder logs in with."""
    return "; ".join(f"{name} {_way(name, secrets)}" for name, secrets in methods.items())


def _way(method: str, secrets: Tree) -> str:
    if "certificate" in secrets:
        return f"{secrets['pkcs12']} ({secrets['pin']})"
    code = " + code" if method == "totp" else ""
    return f"{secrets['username']} / {secrets['password']}{code}"


def _examples(sheet: Tree) -> Iterator[str]:
    """Yield commands that work as they are, by address, so without resolver."""
    bundle = sheet["ca"]["bundle"]
    for account in sheet["accounts"]:
        methods: Tree = account["holders"][0]["methods"]
        if "cps" not in methods:
            continue
        operator = next(e for e in sheet["operators"] if e["name"] == account["operator"])
        endpoint = next(
            e
            for endpoints in operator["designs"].values()
            for e in endpoints
            if e["protocol"] == "imap" and "cps" in e["methods"]
        )
        card = methods["cps"]
        scheme = "imaps" if endpoint["tls"] == "implicit" else "imap"
        upgrade = "" if scheme == "imaps" else " --ssl-reqd"
        host, port, address = endpoint["host"], endpoint["port"], endpoint["address"]
        yield (
            f"curl --cacert {bundle} --cert {card['certificate']} --key {card['key']}{upgrade}"
            f" --connect-to {host}:{port}:{address}:{port}"
            f" --login-options AUTH=EXTERNAL --user {account['address']}: {scheme}://{host}:{port}/"
        )
        where = f"{account['address']} --dir {sheet['folder']}"
        yield f"mss-sandbox inbox {where}"
        yield f"mss-sandbox code {where}"
        return
