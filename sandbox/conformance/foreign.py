"""A foreign operator, from a TOML file: docs/conformance.md has an example."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sandbox.conformance.subject import (
    CheckedDoor,
    CheckedMailbox,
    Means,
    Neighbour,
    Pair,
    Subject,
)
from sandbox.space.errors import UserError
from sandbox.space.reading import read_as, read_toml

__all__ = ["from_file"]

Text = Annotated[str, Field(min_length=1, max_length=400)]
Method = Literal["cps", "certificat", "totp", "ecps", "ciba-operateur", "password"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Pair(_Part):
    certificate: Text
    key: Text


class _Place(_Part):
    host: Text
    address: Text = ""
    port: Annotated[int, Field(ge=1, le=65_535)]
    tls: Literal["implicit", "starttls"] = "implicit"


class _Endpoint(_Place):
    name: Text
    protocol: Literal["imap", "smtp"]
    client_certificate: Literal["none", "optional", "required"] = "none"
    methods: list[Method] = Field(min_length=1)
    mechanisms: list[Literal["PLAIN", "LOGIN", "EXTERNAL", "XOAUTH2", "OAUTHBEARER", "NONE"]] = (
        Field(default=["PLAIN"])
    )


class _Account(_Part):
    address: Text
    method: Method
    username: Text = ""
    password: str = ""
    secret: str = ""
    period: Annotated[int, Field(ge=1, le=600)] = 30
    digits: Annotated[int, Field(ge=6, le=8)] = 6
    certificate: str = ""
    key: str = ""
    token: str = ""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        try:
            octets = len(base64.b32decode(value + "=" * (-len(value) % 8), casefold=True))
        except binascii.Error:
            octets = 0
        if value and octets < 14:
            raise ValueError("base32, 112 bits (RFC 4226 §4 R6)")
        return value


class _Neighbour(_Part):
    domain: Text
    relay: _Pair | None = None
    account: _Account | None = None
    endpoints: list[_Endpoint] = Field(default=[])
    strict: bool = False


class _Dns(_Part):
    address: Text
    port: Annotated[int, Field(ge=1, le=65_535)] = 53


class _File(_Part):
    name: Text
    domain: Text
    roots: Text
    endpoints: list[_Endpoint] = Field(min_length=1)
    accounts: list[_Account] = Field(min_length=1)
    relay: _Place | None = None
    neighbour: _Neighbour | None = None
    bad: dict[str, _Pair] = Field(default={})
    dns: _Dns | None = None
    crash: list[Text] = Field(default=[])
    start: list[Text] = Field(default=[])


def from_file(path: Path) -> Subject:
    """Read the description of a foreign operator; paths in it are beside it.

    Raises:
        UserError: it cannot be read, a key or a value is wrong, or a file that it names is missing.
    """
    told = read_as(_File, read_toml(path), path)
    base = path.parent
    accounts: dict[str, list[Means]] = {}
    for each in told.accounts:
        accounts.setdefault(each.address, []).append(_way(base, each))
    return Subject(
        name=told.name, domain=told.domain, doors=tuple(map(_door, told.endpoints)),
        accounts=tuple(CheckedMailbox(address=a, ways=tuple(w)) for a, w in accounts.items()),
        roots=_there(base, told.roots), neighbour=_neighbour(base, told.neighbour),
        relay=None if told.relay is None else CheckedDoor(
            name="mx", protocol="relay", host=told.relay.host, port=told.relay.port,
            address=told.relay.address or told.relay.host, tls=told.relay.tls, mechanisms=(),
        ),
        bad={name: pair for name, each in told.bad.items() if (pair := _pair(base, each))},
        dns=None if told.dns is None else (told.dns.address, told.dns.port),
        crash=tuple(told.crash), start=tuple(told.start),
    )  # fmt: skip


def _neighbour(base: Path, near: _Neighbour | None) -> Neighbour | None:
    if near is None:
        return None
    account = None
    if near.account is not None:
        account = CheckedMailbox(address=near.account.address, ways=(_way(base, near.account),))
    return Neighbour(
        domain=near.domain, relay=_pair(base, near.relay), account=account,
        doors=tuple(map(_door, near.endpoints)), strict=near.strict,
    )  # fmt: skip


def _there(base: Path, name: str) -> Path:
    path = base / name
    if not path.is_file():
        raise UserError("fichier introuvable", "no such file", where=path)
    return path


def _pair(base: Path, pair: _Pair | None) -> Pair | None:
    if pair is None:
        return None
    return Pair(_there(base, pair.certificate), _there(base, pair.key))


def _way(base: Path, each: _Account) -> Means:
    pair = _Pair(certificate=each.certificate, key=each.key) if each.certificate else None
    return Means(
        method=each.method, username=each.username or each.address, password=each.password,
        secret=each.secret, period=each.period, digits=each.digits, pair=_pair(base, pair),
        token=each.token,
    )  # fmt: skip


def _door(each: _Endpoint) -> CheckedDoor:
    return CheckedDoor(
        name=each.name, protocol=each.protocol, host=each.host,
        address=each.address or each.host, port=each.port, tls=each.tls,
        client_certificate=each.client_certificate, methods=tuple(each.methods),
        mechanisms=tuple(each.mechanisms),
    )  # fmt: skip
