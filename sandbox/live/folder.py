"""The folder of a space: what it was founded with, who runs it, and its files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sandbox.space.errors import UserError
from sandbox.space.files import write_private

__all__ = ["Founding", "SpaceFolder"]

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """What a space is founded with; later starts have the same.

    Attributes:
        scenario: name or path.
        operators: how many.
        port_offset: added to every standard port.
        block: second part of all addresses.
        keys: `rsa-2048` or `p-256`.
        seed: of the directory and the accounts.
    """

    scenario: str
    operators: int
    port_offset: int
    block: int
    keys: str
    seed: int


class SpaceFolder:
    """One space's folder.

    Args:
        path: made when absent (0700).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._settings = self.path / "settings.json"

    @property
    def sheet(self) -> Path:
        """`space.json`: there while the space accepts connections."""
        return self.path / "space.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone.

        Raises:
            UserError: another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    "un espace y tourne déjà ; l'arrêter, ou donner un autre --dir",
                    "a space runs there already; stop it, or give another --dir",
                    where=self.path,
                ) from None
            # What a killed process left says of addresses where nobody listens.
            self.sheet.unlink(missing_ok=True)
            yield
        finally:
            os.close(lock)

    def reset(self) -> None:
        """Remove what is kept, the lock excepted.

        Raises:
            UserError: the folder holds something that is no space.
        """
        if self._present() and not self._settings.exists():
            raise UserError(
                "ce n'est pas un espace ; --reset n'y ôte rien",
                "not a space; --reset removes nothing there",
                where=self.path,
            )
        for each in self.path.iterdir():
            if each.name == ".lock":
                continue
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()

    def _present(self) -> bool:
        """Tell whether something is there, but what a process killed while it founded left."""
        begun = f".{self._settings.name}."
        names = (each.name for each in self.path.iterdir())
        return any(name != ".lock" and not name.startswith(begun) for name in names)

    def founding(self, given: dict[str, Any], defaults: dict[str, Any]) -> Founding:
        """Return what the space is founded with, or is about to be when it is new; see `keep`.

        Args:
            given: members of `Founding` that the user asked for.
            defaults: all members, for a new space.

        Raises:
            UserError: the folder holds something else, or was founded otherwise.
        """
        if not self._settings.exists():
            if self._present():
                raise UserError(
                    "ni vide, ni un espace ; donner un --dir vide",
                    "not empty and no space; give an empty --dir",
                    where=self.path,
                )
            return Founding(**{**defaults, **given})
        try:
            read = json.loads(self._settings.read_bytes())
            kept = Founding(**{each.name: read[each.name] for each in fields(Founding)})
        except (ValueError, KeyError, TypeError):
            read = kept = None
        if kept is None or read.get("format") != FORMAT:
            raise UserError(
                "d'une autre version ; recommencer avec --reset",
                "not of this version; start again with --reset",
                where=self._settings,
            )
        for name, value in given.items():
            if getattr(kept, name) != value:
                raise UserError(
                    f"fondé avec {name} {getattr(kept, name)}, pas {value} ; donner un "
                    "autre --dir, ou --reset",
                    f"founded with {name} {getattr(kept, name)}, not {value}; give another "
                    "--dir, or --reset",
                    where=self.path,
                )
        return kept

    def keep(self, founding: Founding) -> None:
        """Found the space, unless it is; from now on its folder is its owner's only.

        Raises:
            UserError: the folder is another user's, who could change keys and mailboxes.
        """
        try:
            self.path.chmod(0o700)
        except PermissionError:
            raise UserError(
                "dossier d'un autre utilisateur ; donner un des vôtres",
                "another user's folder; give one of your own",
                where=self.path,
            ) from None
        settings = {"format": FORMAT, **asdict(founding)}
        write_private(self._settings, json.dumps(settings, indent=1).encode(), keep=True)

    def secret(self, name: str) -> str:
        """Return a secret of this space, drawn when first asked for and kept (0600)."""
        path = self.path / "secrets" / name
        write_private(path, secrets.token_urlsafe(32).encode(), keep=True)
        return path.read_text("ascii")
