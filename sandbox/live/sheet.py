"""What `space.json` says of a running space: its shape is `space.schema.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.live.cast import CastAccount, Holder
from sandbox.live.folder import SpaceFolder
from sandbox.live.keys import PIN, TRUSTSTORE_PASSWORD, Keys
from sandbox.live.plan import JoinedPlan, OperatorPlan, SpacePlan
from sandbox.live.services import list_url
from sandbox.live.sheet_file import FORMAT
from sandbox.live.wire import WireSettings
from sandbox.operators.auth.totp import DIGITS
from sandbox.psc import Client
from sandbox.psc.outage import Window
from sandbox.space.executions import TICKET_SECONDS
from sandbox.space.methods import Method
from sandbox.space.places import Place

__all__ = [
    "account_entry",
    "build_sheet",
    "otpauth",
    "policies_in_force",
]

Tree = dict[str, Any]


def otpauth(operator: str, holder: Holder, period: int) -> str:
    """Return the URI that authenticator software reads (Key Uri Format)."""
    label = quote(f"{operator}:{holder.username}", safe=":@")
    return (
        f"otpauth://totp/{label}?secret={holder.totp}&issuer={quote(operator)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={period}"
    )


def _pair(folder: Path) -> Tree:
    return {
        "certificate": str(folder / "chain.pem"),
        "key": str(folder / "key.pem"),
        "pkcs12": str(folder / "bundle.p12"),
        "pin": PIN,
    }


def _method(
    method: Method, holder: Holder, account: CastAccount, certificates: Path, period: int
) -> Tree:
    """Return everything that logging in by a method takes."""
    own = certificates / holder.certificate
    password = {"username": holder.username, "password": holder.password}
    match method:
        case Method.CPS:
            return {"authzid": account.address, **_pair(own / "auth")}
        case Method.CERTIFICATE:
            return {"authzid": account.address, **_pair(own)}
        case Method.TOTP:
            uri = otpauth(account.operator, holder, period)
            code = {"secret": holder.totp, "otpauth": uri, "digits": DIGITS, "period": period}
            return {**password, **code}
        case Method.ECPS:
            return {**password, "login_hint": holder.identity}
        case Method.SMS:
            return {**password, "phone": holder.phone}


def account_entry(account: CastAccount, certificates: Path, period: int) -> Tree:
    """Return what the sheet says of an account; `period` of its one-time codes, s."""
    return {
        "address": account.address,
        "type": account.type.value,
        "operator": account.operator,
        "holders": [
            {
                "identity": holder.identity,
                "name": holder.name,
                "methods": {
                    each.value: _method(each, holder, account, certificates, period)
                    for each in holder.methods
                },
            }
            for holder in account.holders
        ],
    }


def _endpoint(endpoint: Place, plan: SpacePlan) -> Tree:
    return {
        "name": endpoint.name,
        "protocol": endpoint.protocol,
        "host": endpoint.host,
        "address": endpoint.address,
        "port": endpoint.port,
        "tls": endpoint.tls,
        "client_certificate": endpoint.client_certificate,
        "methods": [each.value for each in endpoint.methods],
        "mechanisms": [each.value for each in plan.mechanisms(endpoint)],
    }


def policies_in_force(
    plan: SpacePlan, wire: WireSettings, endpoints: Sequence[Place], most: int
) -> Tree:
    """Return what holds on the wire at the endpoints of a design, by the scenario's own names."""
    operator, totp = wire.operator, wire.operator.access.totp
    return {
        "login_policy": plan.policy.name,
        "ciba_mode": "ping" if operator.pinged else "poll",
        "ciba_interval": wire.psc.interval,
        "ciba_expiry": wire.psc.expires_in,
        "token_seconds": wire.psc.access_token_life,
        "psc_session_seconds": wire.psc.refresh_token_life,
        "token_check": operator.tokens.check,
        "session_seconds": operator.hold.shared,
        "prelogin_timeout": operator.login_seconds,
        "sms_expiry": wire.own.expires_in,
        "totp_step": totp.step_seconds,
        "totp_window": totp.skew_steps,
        "totp_once": totp.once,
        "totp_share": totp.share_seconds,
        "ticket_seconds": TICKET_SECONDS if wire.tickets else 0,
        "backlog": operator.doors.backlog,
        "revocation_seconds": operator.access.revocation.cache_seconds,
        "revocation_timeout": operator.access.revocation.timeout,
        "recheck_seconds": operator.access.recheck_seconds,
        "slots": {each.name: min(each.slots, most) for each in endpoints},
    }


def _operator(
    operator: OperatorPlan,
    plan: SpacePlan,
    folder: SpaceFolder,
    wire: WireSettings,
    most: int,
    pid: int,
    phones: str,
) -> Tree:
    own = folder.path / "operators" / operator.label
    return {
        "name": operator.label,
        "pid": pid,
        "domain": operator.domain,
        "mx": {
            "host": operator.relay.host,
            "address": operator.relay.address,
            "port": operator.relay.port,
        },
        "enrolment": operator.accounts.url("/"),
        "sms": phones or operator.ciba.url(f"/sms?secret={folder.secret('psc-control')}"),
        "ciba": operator.ciba.url(),
        "autoconfig": {
            design: f"http://{operator.autoconfig.address}:{operator.autoconfig_http}"
            f"/mail/config-v1.1.xml?emailaddress=x@{base}"
            for base, design in operator.discovery
        },
        "journal": str(own / "journal.jsonl"),
        "designs": {
            design.name: [_endpoint(e, plan) for e in operator.endpoints if e.design == design.name]
            for design in plan.designs
        },
        "policies": {
            design.name: policies_in_force(
                plan,
                wire,
                [each for each in operator.endpoints if each.design == design.name],
                most,
            )
            for design in plan.designs
        },
    }


def _joined(joined: JoinedPlan, keys: Keys) -> Tree:
    """Return what an operator that is not ours is given."""
    own = keys.folder / joined.label
    relay = joined.relay
    return {
        "name": joined.label,
        "domain": joined.domain,
        "mx": {"host": relay.host, "address": relay.address, "port": relay.port},
        "mail": joined.mail,
        "certificates": {
            name: {"certificate": str(own / name / "chain.pem"), "key": str(own / name / "key.pem")}
            for name in ("relay", "mail")
        },
        "services": {each.label: each.port for each in joined.services},
        "mailboxes": [f"{each}@{joined.domain}" for each in joined.mailboxes],
    }


def build_sheet(
    plan: SpacePlan,
    wire: WireSettings,
    accounts: Sequence[CastAccount],
    folder: SpaceFolder,
    keys: Keys,
    *,
    most: int,
    issuer: str,
    outages: Sequence[Window],
    clients: Sequence[Client],
    fhir: str,
    extractions: str,
    processes: Mapping[str, int],
    console: bool,
) -> Tree:
    """Return the sheet of a space that accepts connections.

    Args:
        plan: what runs.
        wire: how it is set.
        accounts: who may log in.
        folder: where it lives.
        keys: its authority.
        most: mail connections that a process can have at once.
        issuer: of Pro Santé Connect.
        outages: when it does not answer.
        clients: its clients that have a secret.
        fhir: base URL of the directory's FHIR.
        extractions: URL under which extractions are.
        processes: that operators are in.
        console: whether it is served.
    """
    psc = plan.psc.url()
    pages = plan.console.url(scheme="http")
    shown = {
        "console": f"{pages}/?secret={folder.secret('control')}",
        "console_api": f"{pages}/api",
    }
    # One place for telephones and SMS: the console, where there is one.
    phones = f"{pages}/phones?secret={folder.secret('control')}" if console else ""
    return {
        "format": FORMAT,
        "pid": os.getpid(),
        "ready": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenario": plan.scenario,
        "folder": str(folder.path),
        "suffix": plan.suffix,
        "port_offset": plan.port_offset,
        "ca": {
            "bundle": str(keys.bundle),
            "roots": str(keys.roots),
            "truststore": str(keys.truststore),
            "truststore_password": TRUSTSTORE_PASSWORD,
            "authority": str(folder.path / "pki"),
            "files": keys.ca.urls.files,
            "ocsp": keys.ca.urls.ocsp,
        },
        "dns": {"address": plan.dns.address, "port": plan.dns.port},
        "hosts_file": str(folder.path / "hosts"),
        "list": {
            "url": list_url(plan),
            "history": str(folder.path / "list" / "history.jsonl"),
        },
        "directory": {
            "ldap": plan.ldap.url(scheme="ldap"),
            "ldaps": plan.ldaps.url(scheme="ldaps"),
            "fhir": fhir,
            "extractions": extractions,
            "database": str(folder.path / "annuaire.db"),
        },
        "psc": {
            "issuer": issuer,
            "discovery": f"{issuer}/.well-known/wallet-openid-configuration",
            "phones": phones or plan.psc_wallet.url(f"/?secret={folder.secret('psc-control')}"),
            "control": f"{psc}/sandbox",
            "control_secret": folder.secret("psc-control"),
            "events": f"{psc}/events",
            "clients": [
                {"client_id": each.client_id, "client_secret": each.client_secret}
                for each in clients
            ],
            "outages": [{"begin": _utc(begin), "end": _utc(end)} for begin, end in outages],
        },
        "control": {"url": plan.control.url(), "secret": folder.secret("control")},
        **(shown if console else {}),
        "operators": [
            _operator(each, plan, folder, wire, most, processes[each.label], phones)
            for each in plan.operators
        ],
        "joined": [_joined(each, keys) for each in plan.joined],
        "accounts": [
            account_entry(each, keys.folder, wire.operator.access.totp.step_seconds)
            for each in accounts
        ],
    }


def _utc(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
