"""The connection sheet for people: where to point mail software, and lines to copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["connection_sheet"]

Tree = dict[str, Any]


def connection_sheet(sheet: Tree, file: Path) -> str:
    """Return the sheet, French first, from the content of `space.json`."""
    return "\n".join(_lines(sheet, file))


def _lines(sheet: Tree, file: Path) -> Iterator[str]:
    yield f"Espace prêt / space ready: {sheet['scenario']}, {sheet['folder']}"
    yield ""
    for operator in sheet["operators"]:
        yield f"{operator['domain']}    MX {_place(operator['mx'])}"
        for design, endpoints in operator["designs"].items():
            yield f"  {design}"
            for each in endpoints:
                yield (
                    f"    {each['protocol']:4} {each['host']}:{each['port']}"
                    f"  ({each['address']}, {each['tls']})  {', '.join(each['methods'])}"
                )
        yield f"  enrôlement / enrolment {operator['enrolment']}   SMS {operator['sms']}"
    yield ""
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
    yield f"Tout / everything   {file}"
    yield ""
    yield "À copier / to copy"
    yield from (f"  {line}" for line in _examples(sheet))
    yield ""
    yield "Ctrl-C pour arrêter / to stop"


def _place(server: Tree) -> str:
    return f"{server['host']} ({server['address']}:{server['port']})"


def _ways(methods: Tree) -> str:
    """Return on one line what a holder logs in with."""
    ways = []
    for name, secrets in methods.items():
        if name == "totp":
            ways.append(f"{secrets['username']} / {secrets['password']} + code {secrets['secret']}")
        elif "certificate" in secrets:
            ways.append(f"{name} {secrets['pkcs12']} ({secrets['pin']})")
        else:
            ways.append(name)
    return "; ".join(ways)


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
        starttls = "" if scheme == "imaps" else " -starttls imap"
        yield (
            f"openssl s_client -connect {address}:{port} -servername {host}{starttls}"
            f" -CAfile {bundle} -cert {card['certificate']} -key {card['key']}"
        )
        yield f"mss-sandbox inbox {account['address']} --dir {sheet['folder']}"
        return
