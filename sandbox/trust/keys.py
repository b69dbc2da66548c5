"""Key pairs: made in parallel, kept in a pool per space, written for their owner only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import defaultdict, deque
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandbox.space.errors import UserError
from sandbox.space.files import write_private

__all__ = ["KeyKind", "KeyPool", "PrivateKey", "load_key", "make_key", "pem"]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyKind(StrEnum):
    """Key algorithms: the real profile's, a quicker option, and one that must be refused."""

    RSA_2048 = "rsa-2048"
    RSA_4096 = "rsa-4096"
    P256 = "p-256"
    RSA_1024 = "rsa-1024"


# Below this many keys, starting worker processes costs more than it saves.
_PARALLEL_FROM = {
    KeyKind.RSA_4096: 4,
    KeyKind.RSA_2048: 24,
    KeyKind.RSA_1024: 200,
    KeyKind.P256: 20_000,
}


def make_key(kind: KeyKind) -> PrivateKey:
    """Make one private key."""
    if kind is KeyKind.P256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.rpartition("-")[2]))


def pem(key: PrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_key(data: bytes) -> PrivateKey:
    """Read a PKCS#8 PEM private key that this package made."""
    # Not proved prime again: that takes 0.3 s for each authority, longer than clients of OCSP wait.
    key = serialization.load_pem_private_key(
        data, password=None, unsafe_skip_rsa_key_validation=True
    )
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return key


# Plain processes: they run whatever program asks, and need no library that the live space lacks.
_MAKE = """
import sys
from sandbox.trust.keys import KeyKind, make_key, pem
for _ in range(int(sys.argv[2])):
    sys.stdout.buffer.write(pem(make_key(KeyKind(sys.argv[1]))))
"""
_END = b"-----END PRIVATE KEY-----\n"


def _made_on_all_cores(kind: KeyKind, count: int) -> list[bytes]:
    """Return keys in PEM, at most `count`: a process that fails leaves out its share."""
    cores = os.cpu_count() or 1
    shares = [count // cores + (number < count % cores) for number in range(cores)]
    with contextlib.ExitStack() as running:
        processes = []
        for share in filter(None, shares):
            words = [sys.executable, "-P", "-c", _MAKE, kind.value, str(share)]
            pipe = subprocess.PIPE
            process = running.enter_context(subprocess.Popen(words, stdout=pipe))  # noqa: S603 - ours
            running.callback(process.kill)  # of no effect on one that has ended
            processes.append(process)
        outputs = [process.communicate()[0] for process in processes]
    return [each + _END for output in outputs for each in output.split(_END)[:-1]]


class KeyPool:
    """Keys made ahead of their use, in memory or in a folder.

    Two processes may share a folder: a key is taken by an atomic rename, so never twice.

    Args:
        folder: Where keys wait; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: defaultdict[KeyKind, deque[PrivateKey]] = defaultdict(deque)
        self._lock = threading.Lock()

    def fill(self, kind: KeyKind, count: int) -> None:
        """Make `count` keys on all cores and keep them for later `take` calls."""
        if count < 0:
            raise UserError(
                f"{count} clés ne peuvent être faites ; donner un nombre à partir de 0",
                f"cannot make {count} keys; give a number from 0",
            )
        made = _made_on_all_cores(kind, count) if count >= _PARALLEL_FROM[kind] else []
        made += [pem(make_key(kind)) for _ in range(count - len(made))]
        if self._folder is None:
            with self._lock:
                self._memory[kind].extend(load_key(each) for each in made)
            return
        for each in made:
            write_private(self._folder / kind / f"{os.urandom(12).hex()}.key", each)

    def take(self, kind: KeyKind) -> PrivateKey:
        """Return a waiting key, or make one."""
        with self._lock:
            if self._memory[kind]:
                return self._memory[kind].popleft()
        if self._folder is not None:
            for path in (self._folder / kind).glob("*.key"):
                with contextlib.suppress(FileNotFoundError):
                    mine = path.rename(path.with_suffix(f".taken-{os.urandom(6).hex()}"))
                    key = load_key(mine.read_bytes())
                    mine.unlink()
                    return key
        return make_key(kind)
