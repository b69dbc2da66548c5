"""How many connections a space holds: descriptors are shared, and mail has its reserve of them."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass

from sandbox.serve import Pool

__all__ = ["Room", "open_files", "share_out"]

WANTED = 20_000  # descriptors: ten thousand mail connections, and as much for all the rest
FEW = 4_096  # with fewer, a crowd of ordinary clients may be too many
# Databases, connections of the relay and of HTTP clients: some 70 at rest, 40 for each operator.
_OWN, _OWN_OPERATOR = 100, 50


@dataclass(frozen=True, kw_only=True)
class Room:
    """Connections at once; together with what the space itself opens, fewer than its descriptors.

    Attributes:
        files: descriptors that the process may have.
        mail: for IMAP, SMTP and relays, on the operators' loop.
        web: for autoconfiguration and enrolment, on that loop too.
        shared: for PKI, list, DNS, Pro Santé Connect and operators' CIBA.
        directory: for LDAP, FHIR and extractions.
    """

    files: int
    mail: Pool
    web: Pool
    shared: Pool
    directory: int

    @property
    def warning(self) -> str:
        """Say that there is little of it; empty when there is enough."""
        if self.files >= FEW:
            return ""
        return (
            f"{self.files} fichiers ouverts au plus, donc {self.mail.most} connexions de messagerie"
            f" (ulimit -n {WANTED}) / {self.files} open files at most, hence {self.mail.most}"
            f" mail connections (ulimit -n {WANTED})"
        )


def open_files() -> int:
    """Have as many open files, hence connections, as may be had up to WANTED; say how many.

    Most systems give a process 1,024 or 256 unless it asks: strangers would use them up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS may allow fewer than it says; then they stay as they are.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return WANTED if soft == resource.RLIM_INFINITY else soft


def share_out(files: int, operators: int) -> Room:
    """Share descriptors out: half of the connections are mail's."""
    connections = max(64, files - _OWN - _OWN_OPERATOR * operators)
    return Room(
        files=files,
        mail=Pool(connections // 2),
        web=Pool(connections // 8),
        shared=Pool(connections // 4),
        directory=connections // 8,
    )
