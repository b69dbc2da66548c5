"""How often one may fail: counters that leak, so that nobody waits longer than the window.

Counters, because a lock is a weapon too. Failures with a wrong password count against the client
address, and against the pair of address and login name: who tries from elsewhere locks nobody out.
Certificates and tokens that are refused count against the address too, each kind by itself: whoever
guesses passwords does not lock cards out. An address of the loopback is that of all clients of a
machine, so only its pairs are counted. Failures of the second factor count against the account
wherever they come from, since only who has the password can make them: wrong codes, which six
digits cannot stand many of (NIST SP 800-63B §5.2.2), and logins that ring a telephone, answered or
not, which wear a person down. A success empties the pair and the account, never the address: one
good account would wash a thief's failures away. The names are those that were typed: a name that
does not exist is counted like one that does.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from sandbox.space.errors import UserError

__all__ = ["AttemptPolicy", "Attempts", "LeakyCounter", "ProofKind"]


class ProofKind(Enum):
    """What a client proves itself with; failures are counted by it."""

    PASSWORD = auto()
    CERTIFICATE = auto()
    TOKEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPolicy:
    """Failures allowed within a window, after which one more is allowed each window / limit.

    Attributes:
        per_client: of one client address, not of the loopback, with one kind of proof; a hospital
            may stand behind one.
        per_name: of one client address with one login name.
        per_account: wrong codes of one account.
        asked: logins that ring the telephone of one account; five connections are five.
        window: seconds.
        names: counters kept of each kind; the one that failed longest ago is dropped.

    Raises:
        UserError: a value below 1.
    """

    per_client: int = 100
    per_name: int = 10
    per_account: int = 10
    asked: int = 30
    window: float = 300.0
    names: int = 100_000

    def __post_init__(self) -> None:
        least = min(self.per_client, self.per_name, self.per_account, self.asked, self.names)
        if least < 1 or self.window < 1:
            raise UserError(
                "chaque valeur vaut 1 ou plus", "every value is 1 or more", where="attempt limits"
            )


class LeakyCounter:
    """Failures by key; each fades at `limit` a `window`."""

    def __init__(self, limit: int, window: float, most: int) -> None:
        self._limit = limit
        self._rate = limit / window
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are kept."""
        return len(self._levels)

    def full(self, key: str, now: float) -> bool:
        """Tell whether a key may not fail again now."""
        return self._level(key, now) + 1 > self._limit

    def add(self, key: str, now: float) -> None:
        """Count a failure."""
        self._levels[key] = (self._level(key, now) + 1, now)
        self._levels.move_to_end(key)
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)

    def clear(self, key: str) -> None:
        """Forget a key's failures."""
        self._levels.pop(key, None)

    def _level(self, key: str, now: float) -> float:
        level, at = self._levels.get(key, (0.0, now))
        return max(0.0, level - max(0.0, now - at) * self._rate)


class Attempts:
    """The counters of one operator.

    Args:
        policy: limits.
        clock: seconds; one that is set back makes nobody wait longer than the window.
    """

    def __init__(self, policy: AttemptPolicy, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._clients = LeakyCounter(policy.per_client, policy.window, policy.names)
        self._names = LeakyCounter(policy.per_name, policy.window, policy.names)
        self._accounts = LeakyCounter(policy.per_account, policy.window, policy.names)
        self._asked = LeakyCounter(policy.asked, policy.window, policy.names)

    def may_try(self, client: str, means: ProofKind, name: str = "") -> bool:
        """Tell whether a client may try a name; asked before anything is looked at."""
        now = self._clock()
        full = not _is_shared(client) and self._clients.full(f"{client} {means.name}", now)
        return not (full or self._names.full(f"{client} {name}", now))

    def failed(self, client: str, means: ProofKind, name: str = "") -> None:
        """Count a failure of the first factor, or of a certificate or token (no name)."""
        now = self._clock()
        self._clients.add(f"{client} {means.name}", now)
        if name:
            self._names.add(f"{client} {name}", now)

    def may_prove(self, account: str) -> bool:
        """Tell whether an account whose password was right may try its second factor."""
        now = self._clock()
        return not (self._accounts.full(account, now) or self._asked.full(account, now))

    def asked(self, account: str) -> None:
        """Count a request to a person's telephone, before it is made."""
        self._asked.add(account, self._clock())

    def unproved(self, account: str) -> None:
        """Count a failure of the second factor."""
        self._accounts.add(account, self._clock())

    def succeeded(self, client: str, name: str, account: str) -> None:
        """Forget what a good login makes pointless to remember."""
        self._names.clear(f"{client} {name}")
        self._accounts.clear(account)
        self._asked.clear(account)


@lru_cache(maxsize=1_024)
def _is_shared(client: str) -> bool:
    """Tell whether an address is that of all clients of this machine."""
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
