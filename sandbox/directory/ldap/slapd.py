"""The real OpenLDAP with the same entries: `--ldap slapd`, where it is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sandbox.directory.directory import Directory
from sandbox.directory.ldap.entries import (
    BASE_DN,
    Entry,
    containers,
    mailbox_entry,
    structure_entry,
    write_ldif,
)
from sandbox.directory.ldap.schema import slapd_indexes, slapd_schema
from sandbox.directory.rows import STRUCTURE_SELECT, structure_of
from sandbox.serve.tls import LEAST_TLS
from sandbox.space.errors import UserError

__all__ = ["Slapd", "export_ldif"]

_SCHEMAS = ("core", "cosine", "inetorgperson")
_PLACES = ("/etc/ldap", "/etc/openldap", "/usr/local/etc/openldap")
_MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/libexec/openldap")
_START_SECONDS = 30.0


def export_ldif(directory: Directory, path: Path) -> int:
    """Write what the LDAP view shows as LDIF. Returns the number of entries."""
    with path.open("w", encoding="ascii") as file:
        path.chmod(0o600)

        def entries() -> Iterator[Entry]:
            yield from containers()
            for row in directory.connection().execute(f"{STRUCTURE_SELECT} ORDER BY s.id"):
                yield structure_entry(structure_of(row))
            for box in directory.published("ldap"):
                yield mailbox_entry(box)

        return write_ldif(entries(), file)


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{Path('/usr/sbin')}:{Path('/sbin')}") or shutil.which(name)
    if path is None:
        raise UserError(
            "non installé ; apt install slapd, ou garder --ldap embedded",
            "not installed; apt install slapd, or leave --ldap embedded",
            where=name,
        )
    return path


def _first(places: tuple[str, ...], inside: str) -> Path | None:
    return next((Path(p) for p in places if (Path(p) / inside).exists()), None)


@dataclass
class Slapd:
    """A private slapd, loaded with a directory's entries; a context manager.

    Attributes:
        directory: Whose entries.
        port: Port of LDAP; it has to be free.
        host: Loopback address.
        certificate: PEM certificate of StartTLS, None for none.
        key: Its key.
        size_limit: Most entries of a search that is not paged.

    Raises:
        UserError: slapd is not installed, or refuses its configuration or the entries.
    """

    directory: Directory
    port: int
    host: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None
    size_limit: int = 500

    def __post_init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def _configuration(self, folder: Path) -> str:
        root = _first(_PLACES, "schema/core.schema")
        if root is None:
            raise UserError(
                "ses fichiers de schéma sont introuvables ; réinstaller le paquet slapd",
                "its schema files were not found; reinstall the slapd package",
                where="slapd",
            )
        limit = self.size_limit
        lines = [f"include {root}/schema/{name}.schema" for name in _SCHEMAS]
        lines.append(f"include {folder}/mssante.schema")
        modules = _first(_MODULES, "back_mdb.so")
        if modules is not None:
            lines += [f"modulepath {modules}", "moduleload back_mdb"]
        if self.certificate is not None and self.key is not None:
            lines += [
                f"TLSCertificateFile {self.certificate}",
                f"TLSCertificateKeyFile {self.key}",
                f"TLSProtocolMin 3.{LEAST_TLS & 0xFF}",
            ]
        lines += [
            f"pidfile {folder}/slapd.pid",
            f"sizelimit size.soft={limit} size.hard={limit} size.prtotal=unlimited",
            "database mdb",
            "maxsize 8589934592",
            f'suffix "{BASE_DN}"',
            f"directory {folder}/data",
            *slapd_indexes(),
            "access to * by * read",
        ]
        return "\n".join(lines) + "\n"

    def __enter__(self) -> Self:
        server, loader = _program("slapd"), _program("slapadd")
        with socket.socket() as probe:
            try:
                probe.bind((self.host, self.port))
            except OSError as failure:
                raise UserError.because(
                    f"le port {self.port} n'est pas libre",
                    f"port {self.port} is not free",
                    "slapd",
                    failure,
                ) from failure
        self._folder = tempfile.TemporaryDirectory(prefix="slapd-")
        folder = Path(self._folder.name)
        try:
            (folder / "data").mkdir(mode=0o700)
            (folder / "mssante.schema").write_text(slapd_schema(), encoding="ascii")
            (folder / "slapd.conf").write_text(self._configuration(folder), encoding="utf-8")
            export_ldif(self.directory, folder / "entries.ldif")
            self._run([loader, "-q", "-f", f"{folder}/slapd.conf", "-l", f"{folder}/entries.ldif"])
            (folder / "entries.ldif").unlink()
            url = f"ldap://{self.host}:{self.port}"
            self._process = subprocess.Popen(  # noqa: S603
                [server, "-d", "0", "-f", f"{folder}/slapd.conf", "-h", url],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._wait()
        except BaseException:
            self._close()
            raise
        return self

    @staticmethod
    def _run(command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UserError.because(
                "échec", "failed", Path(command[0]).name, " ".join(reason) or done.returncode
            )

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise UserError(
                    f"arrêté aussitôt sur le port {self.port}",
                    f"stopped at once on port {self.port}",
                    where="slapd",
                )
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise UserError("démarrage trop long", "not ready in time", where="slapd")

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
