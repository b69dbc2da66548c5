"""The certificate of a server that is tried alone: from the test authority, like every other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.space.errors import UserError
from sandbox.trust.authority import TestCA
from sandbox.trust.identity import Organisation
from sandbox.trust.keys import KeyKind

__all__ = ["TlsFiles", "founded", "server_files"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: a server's chain and key, the authorities that clients trust."""

    chain: Path
    key: Path
    ca: Path


def founded(folder: Path, authority: Path | None = None) -> Path:
    """Return where the authority of `server_files` is."""
    return authority or folder / "authority"


def server_files(
    folder: Path,
    organisation: Organisation,
    names: Sequence[str],
    addresses: Sequence[str],
    *,
    authority: Path | None = None,
    rsa: bool = False,
) -> TlsFiles:
    """Have the authority in `authority` certify a server; write `folder`/tls.

    Without one, an authority is founded in `folder`/authority, or taken up again, so that clients
    that trust it go on to.

    Raises:
        UserError: there is no authority in that folder.
    """
    if authority is None:
        kind = KeyKind.RSA_2048 if rsa else KeyKind.P256
        ca = TestCA.open(founded(folder), key_kind=kind)
    elif (authority / "ca.json").exists():
        ca = TestCA.open(authority)
    else:
        raise UserError(
            "aucune autorité ici ; la fonder avec",
            "no authority there; found one with",
            where=authority,
            then="mss-sandbox pki init",
        )
    target = folder / "tls"
    ca.endpoint_server(organisation, names, addresses).save(target)
    bundle = target / "ca.pem"
    bundle.write_bytes(ca.bundle_pem())
    return TlsFiles(target / "chain.pem", target / "key.pem", bundle)
