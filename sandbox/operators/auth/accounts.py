"""What an operator keeps to let holders in: passwords, TOTP secrets. One file, 0600.

Passwords are drawn here, 125 random bits each. NIST SP 800-63B §5.1.2.2 asks a slow hash for
secrets below 112 bits and an approved function above: a salted SHA-256 keeps these, and a login
costs no more. TOTP secrets are kept as they are: the code is computed from them.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyotp

from sandbox.observations.schema import Words
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = [
    "GRANTED",
    "Access",
    "Accounts",
    "Grant",
    "Secret",
    "SecretState",
    "digest_of",
    "new_totp_secret",
    "private_database",
]

# Name of the telephone that comes with an account of the sandbox, where its code is shown.
GRANTED = "Téléphone du bac à sable / sandbox telephone"
_PASSWORD = re.compile(r"[a-z2-7]{5}(-[a-z2-7]{5}){4}")
_TOTP_SECRET = re.compile(r"[A-Z2-7]{32,64}")
_NO_OCTETS = {1, 3, 6}  # letters beyond groups of eight that no octets have (RFC 4648 §6)
_HELD = (Method.ECPS, Method.SMS)
_WHAT = Words("de comptes", "accounts")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS access (
  mailbox TEXT NOT NULL, identity TEXT NOT NULL, held TEXT NOT NULL,
  salt BLOB NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (mailbox, identity)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totp (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox TEXT NOT NULL, identity TEXT NOT NULL,
  secret TEXT NOT NULL, label TEXT NOT NULL, state TEXT NOT NULL, since REAL NOT NULL);
CREATE INDEX IF NOT EXISTS totp_access ON totp (mailbox, identity, state);
"""


def new_totp_secret() -> str:
    """Return a TOTP secret: 160 random bits in base32 (RFC 4226 §4 R6)."""
    return pyotp.random_base32(32)


def digest_of(password: str, salt: bytes) -> bytes:
    """Return what is kept of a password (32 bytes)."""
    return hashlib.sha256(salt + password.encode("utf-8", "surrogatepass")).digest()


def private_database(path: Path, schema: str, what: Words) -> sqlite3.Connection:
    """Open an SQLite file that only its owner reads; a commit is on disk when it returns.

    Raises:
        UserError: the file is another thing than one of `what`.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)  # one that an umask or a copy had opened; WAL files follow its mode
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=10, cached_statements=64
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema)
    except sqlite3.DatabaseError as failure:
        connection.close()
        raise UserError.because(
            f"ce n'est pas un fichier {what.french}", f"not a file of {what.english}", path, failure
        ) from failure
    return connection


class SecretState(StrEnum):
    """Life of a TOTP secret: it counts only once its holder has shown a code of it."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is given to a holder of a mailbox.

    Attributes:
        mailbox: address.
        identity: national identifier of the holder.
        password: five groups of five base32 letters, 125 random bits; it ends with letters after a
            dash, so that six digits typed after it are never its own.
        totp: a secret that counts at once, empty for none.
        held: what the password alone starts where both are served.
    """

    mailbox: str
    identity: str
    password: str
    totp: str = ""
    held: Method = Method.ECPS

    def __post_init__(self) -> None:
        """Check secrets and method.

        Raises:
            UserError: a password or secret that was not drawn, or a method that holds no login.
        """
        if not _PASSWORD.fullmatch(self.password):
            raise UserError(
                "ce mot de passe n'a pas été tiré par l'opérateur ; cinq groupes de "
                "cinq lettres a-z 2-7 joints par des tirets le sont",
                "this password was not drawn by the operator; five groups of five "
                "letters a-z 2-7 joined by dashes are",
                where=self.mailbox,
            )
        letters = _TOTP_SECRET.fullmatch(self.totp)
        if self.totp and (not letters or len(self.totp) % 8 in _NO_OCTETS):
            raise UserError(
                "un secret TOTP a 32 à 64 lettres A-Z 2-7 (octets entiers en base32)",
                "a TOTP secret is 32 to 64 letters A-Z 2-7 (whole octets in base32)",
                where=self.mailbox,
            )
        if self.held not in _HELD:
            raise UserError.among(
                "cette méthode ne tient aucune connexion",
                "holds no login",
                f"{self.mailbox}: {self.held}",
                _HELD,
            )


@dataclass(frozen=True, slots=True)
class Access:
    """What is kept of a holder's access, without its TOTP secrets."""

    held: Method
    salt: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Secret:
    """A TOTP secret of a holder. `since` is when it came to its state, seconds since 1970."""

    id: int
    mailbox: str
    identity: str
    secret: str
    label: str
    state: SecretState
    since: float


class Accounts:
    """The accesses of one operator.

    Args:
        path: SQLite file; made when absent.
        clock: seconds since 1970.

    Raises:
        UserError: the file is another thing.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._database = private_database(path, _SCHEMA, _WHAT)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def put(self, grants: Iterable[Grant]) -> None:
        """Give accesses, in one transaction; one that exists gets the new password.

        Secrets that were confirmed stay; the same secret is not added twice.
        """
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for grant in grants:
                mailbox = grant.mailbox.lower()
                salt = secrets.token_bytes(16)
                self._database.execute(
                    "INSERT OR REPLACE INTO access VALUES (?, ?, ?, ?, ?)",
                    (mailbox, grant.identity, grant.held, salt,
                     digest_of(grant.password, salt)),
                )  # fmt: skip
                if grant.totp:
                    self._database.execute(
                        "INSERT INTO totp (mailbox, identity, secret, label, state, since)"
                        " SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM totp"
                        " WHERE mailbox = ? AND identity = ? AND secret = ?)",
                        (mailbox, grant.identity, grant.totp, GRANTED, SecretState.CONFIRMED,
                         self._clock(), mailbox, grant.identity, grant.totp),
                    )  # fmt: skip

    def remove(self, mailbox: str, identity: str) -> None:
        """Take an access away, and revoke its secrets."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "DELETE FROM access WHERE mailbox = ? AND identity = ?", (mailbox.lower(), identity)
            )
            self._database.execute(
                "UPDATE totp SET state = ?, since = ? WHERE mailbox = ? AND identity = ?",
                (SecretState.REVOKED, self._clock(), mailbox.lower(), identity),
            )

    def access(self, mailbox: str, identity: str) -> Access | None:
        """Return what is kept of an access."""
        row = self._database.execute(
            "SELECT held, salt, digest FROM access WHERE mailbox = ? AND identity = ?",
            (mailbox.lower(), identity),
        ).fetchone()
        return None if row is None else Access(Method(row[0]), row[1], row[2])

    def secrets(self, mailbox: str, identity: str, *states: SecretState) -> list[Secret]:
        """Return TOTP secrets in some states (confirmed when none is named), oldest first."""
        wanted = states or (SecretState.CONFIRMED,)
        rows = self._database.execute(
            "SELECT id, mailbox, identity, secret, label, state, since FROM totp"
            " WHERE mailbox = ? AND identity = ? ORDER BY id",
            (mailbox.lower(), identity),
        ).fetchall()
        found = (
            Secret(row[0], row[1], row[2], row[3], row[4], SecretState(row[5]), row[6])
            for row in rows
        )
        return [each for each in found if each.state in wanted]

    def enrol(self, mailbox: str, identity: str, label: str = "") -> Secret:
        """Draw a secret, pending until a code of it is confirmed; an older pending one is revoked.

        Args:
            mailbox: address.
            identity: national identifier of the holder.
            label: what the holder calls the telephone.
        """
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "UPDATE totp SET state = ?, since = ? WHERE mailbox = ? AND identity = ?"
                " AND state = ?",
                (SecretState.REVOKED, self._clock(), mailbox.lower(), identity,
                 SecretState.PENDING),
            )  # fmt: skip
            self._database.execute(
                "INSERT INTO totp (mailbox, identity, secret, label, state, since)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (mailbox.lower(), identity, new_totp_secret(), label, SecretState.PENDING,
                 self._clock()),
            )  # fmt: skip
        return self.secrets(mailbox, identity, SecretState.PENDING)[-1]

    def become(self, secret: Secret, state: SecretState) -> None:
        """Confirm or revoke a secret."""
        self._database.execute(
            "UPDATE totp SET state = ?, since = ? WHERE id = ?", (state, self._clock(), secret.id)
        )
