"""A CPS as a PKCS#11 token, so that mail software sees a card (SoftHSM2 and OpenSC, if installed).

The token lives in a folder of its own; software finds it through the environment variable
`SOFTHSM2_CONF` and the module's path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.trust.authority import Card
from sandbox.trust.issuing import Issued

__all__ = ["SoftHsmToken", "make_token", "softhsm_module"]

_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
_TIMEOUT = 60


@dataclass(frozen=True, kw_only=True)
class SoftHsmToken:
    """A token that is ready.

    Attributes:
        module: The PKCS#11 library to load.
        config: Value for `SOFTHSM2_CONF`.
        label: Its label.
    """

    module: Path
    config: Path
    label: str = "CPS TEST"

    @property
    def environment(self) -> dict[str, str]:
        """What to add to the environment of the software that uses the card."""
        return {"SOFTHSM2_CONF": str(self.config)}


def softhsm_module() -> Path | None:
    """Return the path of SoftHSM2, or None where it is not installed.

    `SOFTHSM2_MODULE` names it where it is in an unusual place.
    """
    named = os.environ.get("SOFTHSM2_MODULE")
    places = (named,) if named else _PLACES
    return next((Path(place) for place in places if Path(place).is_file()), None)


def make_token(card: Card, folder: Path) -> SoftHsmToken:
    """Put both pairs of a card on a new token.

    Objects: identifier 01 for authentication, 02 for signature; keys are private and cannot be
    read back. The PIN is the card's; the security officer's PIN is the same.

    Args:
        card: The card.
        folder: An empty or new folder for the token.

    Raises:
        UserError: SoftHSM2 or OpenSC's pkcs11-tool is absent, or the folder is not empty.
    """
    module, tool = softhsm_module(), shutil.which("pkcs11-tool")
    if module is None or tool is None:
        raise UserError(
            "un jeton PKCS#11 veut SoftHSM2 et pkcs11-tool ; installer les paquets "
            "softhsm2 et opensc",
            "a PKCS#11 token needs SoftHSM2 and pkcs11-tool; install packages softhsm2 and opensc",
        )
    if folder.exists() and any(folder.iterdir()):
        raise UserError(
            "non vide ; donner au jeton un nouveau dossier",
            "not empty; give a new folder for the token",
            where=folder,
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = folder.resolve() / "tokens"
    store.mkdir(mode=0o700)
    config = folder.resolve() / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {store}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    token = SoftHsmToken(module=module, config=config)

    def run(*arguments: str) -> None:
        # PINs go through the environment: command lines can be read by every user.
        environment = os.environ | token.environment | {"MSS_CARD_PIN": card.pin}
        done = subprocess.run(  # noqa: S603 - a tool found on the path, arguments are ours
            [tool, "--module", str(module), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise UserError.because("échec", "failed", f"pkcs11-tool {arguments[0]}", last)

    pin = "env:MSS_CARD_PIN"
    run("--init-token", "--slot-index", "0", "--label", token.label, "--so-pin", pin)
    chosen = ("--token-label", token.label, "--login")
    run("--init-pin", *chosen, "--login-type", "so", "--so-pin", pin, "--new-pin", pin)
    for identifier, name, issued in (("01", "AUTH", card.auth), ("02", "SIGN", card.sign)):
        with tempfile.TemporaryDirectory() as temporary:
            for kind, data in _objects(issued):
                path = Path(temporary) / kind
                write_private(path, data)
                words = ("--write-object", str(path), "--type", kind)
                run(*words, "--id", identifier, "--label", name, *chosen, "--pin", pin)
    return token


def _objects(issued: Issued) -> tuple[tuple[str, bytes], ...]:
    return (
        ("privkey", issued.key_pem),
        ("cert", issued.certificate.public_bytes(Encoding.DER)),
    )
