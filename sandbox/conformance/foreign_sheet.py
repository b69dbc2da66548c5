"""Foreign operators laid out as `space.json` lays out a space: whatever takes that takes them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from sandbox.conformance.subject import (
    CERTIFICATE_METHODS,
    CheckedDoor,
    CheckedMailbox,
    Means,
    Pair,
    Subject,
)
from sandbox.space.files import write_private

__all__ = ["sheet_of"]

Tree = dict[str, Any]
PIN = "0000"  # of files that live for the length of a run


def sheet_of(subjects: Sequence[Subject], names: Sequence[str], design: str, roots: Path) -> Tree:
    """Return what a sheet says of operators, their endpoints and their accounts.

    Args:
        subjects: the operators.
        names: under which they stand there.
        design: under whose name their endpoints are.
        roots: file to write to the authorities that any of them trusts; certificates go beside it.
    """
    roots.write_bytes(b"".join(each.roots.read_bytes() for each in subjects))
    secrets = _Secrets(roots.parent)
    return {
        "ca": {"bundle": str(roots)},
        "operators": [
            {"name": name, "domain": each.domain, "ciba": "",
             "designs": {design: [_place(door) for door in each.doors]}}
            for name, each in zip(names, subjects, strict=True)
        ],
        "accounts": [
            {
                "address": account.address, "operator": name, "type": "PER",
                "holders": [{"identity": account.address,
                             "methods": secrets.of(account)}],
            }
            for name, each in zip(names, subjects, strict=True)
            for account in each.accounts
        ],
    }  # fmt: skip


def _place(door: CheckedDoor) -> Tree:
    return {
        "name": door.name, "protocol": door.protocol, "host": door.host, "address": door.address,
        "port": door.port, "tls": door.tls, "methods": list(door.methods),
        "mechanisms": list(door.mechanisms),
    }  # fmt: skip


class _Secrets:
    """What accounts log in with.

    Args:
        folder: for certificates as PKCS#12, which some software takes alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, itertools.count()

    def of(self, account: CheckedMailbox) -> Tree:
        """Return what is given of an account, by method."""
        return {
            way.method: self._of(account.address, way)
            for way in account.ways
            if way.pair is not None or way.method not in CERTIFICATE_METHODS
        }

    def _of(self, address: str, way: Means) -> Tree:
        if way.pair is not None:
            pair = {"certificate": str(way.pair.certificate), "key": str(way.pair.key)}
            return {"authzid": address, "pkcs12": self._pkcs12(way.pair), "pin": PIN, **pair}
        found: Tree = {"username": way.username, "password": way.password}
        if way.secret:
            found |= {"secret": way.secret, "period": way.period, "digits": way.digits}
        if way.token:
            found["token"] = way.token
        return found

    def _pkcs12(self, pair: Pair) -> str:
        first, *others = x509.load_pem_x509_certificates(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
        path = self._folder / f"certificate-{next(self._made)}.p12"
        data = pkcs12.serialize_key_and_certificates(
            b"certificate", cast(pkcs12.PKCS12PrivateKeyTypes, key), first, others,
            serialization.BestAvailableEncryption(PIN.encode()),
        )  # fmt: skip
        write_private(path, data)
        return str(path)
