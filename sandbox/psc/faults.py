"""Misbehaviour on demand: what a client must survive, chosen per client and per occurrence.

`FAULTS` is the table (docs and tests read it). A rule says which fault, at which point, for which
client, and when: the `nth` time (of that auth_req_id, or of that client), or a seeded probability.
The same seed and the same requests give the same misbehaviours.
"""

from __future__ import annotations

import math
import tomllib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.psc.behaviour import uniform
from sandbox.space.errors import UserError

__all__ = ["FAULTS", "POINTS", "FaultRule", "Faults", "load_faults"]

POINTS = ("backchannel", "token", "jwks", "discovery", "userinfo", "introspection", "notification")
_ANSWER = ("backchannel", "token", "userinfo", "introspection", "jwks", "discovery")
_ID = ("token", "notification")

# name -> (points where it can strike, what it does, in English for the docs page)
FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "missing_auth_req_id": (("backchannel",), "the acknowledgement lacks auth_req_id (K3)"),
    "missing_expires_in": (("backchannel",), "the acknowledgement lacks expires_in (K3)"),
    "missing_interval": (("backchannel",), "no interval: the client must assume 5 s (K1)"),
    "long_interval": (("backchannel",), "interval is 31 s and is enforced (K1)"),
    "unknown_members": (("backchannel", "token"), "members that the client must ignore (K3)"),
    "invalid_request": (("backchannel", "token"), "400 invalid_request"),
    "access_denied": (("backchannel", "token"), "access_denied whatever the user said (T4)"),
    "slow_down": (("token",), "400 slow_down though the client was patient (T2)"),
    "authorization_pending": (("token",), "400 authorization_pending though the user decided (T1)"),
    "expired_token": (("token",), "400 expired_token before the time (T5)"),
    "transaction_failed": (("notification",), "push delivers transaction_failed (P4)"),
    "unavailable": (_ANSWER, "503 with Retry-After (T9)"),
    "server_error": (_ANSWER, "500 with an HTML body"),
    "not_json": (_ANSWER, "200 with a body that is not JSON"),
    "slow": (_ANSWER, "the answer comes after `seconds`"),
    "silence": (_ANSWER, "no answer for `seconds`, then the connection closes"),
    "missing_access_token": (("token",), "the token response lacks access_token"),
    "missing_token_type": (("token",), "the token response lacks token_type"),
    "missing_id_token": (_ID, "the token response lacks id_token"),
    "id_missing_iss": (_ID, "the ID token lacks iss"),
    "id_wrong_iss": (_ID, "the ID token has another iss"),
    "id_missing_aud": (_ID, "the ID token lacks aud"),
    "id_wrong_aud": (_ID, "the ID token is for another client"),
    "id_untrusted_aud": (_ID, "aud lists this client and a stranger"),
    "id_wrong_azp": (_ID, "azp names another client"),
    "id_missing_sub": (_ID, "the ID token lacks sub"),
    "id_missing_exp": (_ID, "the ID token lacks exp"),
    "id_expired": (_ID, "exp is past"),
    "id_missing_iat": (_ID, "the ID token lacks iat"),
    "id_old_iat": (_ID, "iat is a week old"),
    "id_missing_acr": (_ID, "the ID token lacks acr"),
    "id_wrong_acr": (_ID, "acr is not the level that was asked (F6)"),
    "id_wrong_at_hash": (_ID, "at_hash does not match (P3)"),
    "id_wrong_auth_req_id": (_ID, "the auth_req_id claim is another one (P3)"),
    "id_wrong_nonce": (("token",), "nonce differs (browser flow)"),
    "id_alg_none": (_ID, "the ID token is unsigned, alg none (F5)"),
    "id_wrong_alg": (_ID, "the ID token is signed with another algorithm than registered"),
    "id_bad_signature": (_ID, "the signature is damaged"),
    "id_unknown_kid": (_ID, "kid is in no JWKS"),
    "rotate_keys": (_ID, "the keys change and the old ones leave the JWKS just before signing"),
    "stale_jwks": (("jwks",), "the JWKS is empty"),
    "wrong_issuer": (("discovery",), "discovery names another issuer"),
    "wrong_bearer": (("notification",), "the notification carries another token (P1)"),
    "missing_bearer": (("notification",), "the notification has no Authorization (P1)"),
    "double_ping": (("notification",), "the notification is sent twice (P2)"),
    "no_ping": (("notification",), "no notification: the client must poll (P2)"),
    "early_ping": (("notification",), "the ping comes, but the token endpoint is still pending"),
    "unknown_ping_id": (("notification",), "the notification carries an auth_req_id never issued"),
    "ping_extra_members": (("notification",), "the ping body has more than auth_req_id (P1)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule. `nth` counts from 1; None with `probability` 1 means always.

    `per` says what `nth` counts: occurrences at that point for one `request` or one `client`.
    """

    fault: str
    point: str = ""
    client_id: str | None = None
    nth: int | None = None
    per: str = "request"
    probability: float = 1.0
    seconds: float = 3.0

    def __post_init__(self) -> None:
        """Refuse a rule that could never strike.

        Raises:
            UserError: naming the member and what is allowed.
        """
        if self.fault not in FAULTS:
            raise UserError(f"fault {self.fault!r} : attendu / expected {', '.join(FAULTS)}")
        points = FAULTS[self.fault][0]
        if not self.point:
            object.__setattr__(self, "point", points[0])
        if self.point not in points:
            raise UserError(f"{self.fault}: point {self.point!r} : attendu / expected {points}")
        if self.per not in ("request", "client"):
            raise UserError(f"{self.fault}: per : attendu / expected request, client")
        if self.nth is not None and not 1 <= self.nth <= 1_000_000:
            raise UserError(f"{self.fault}: nth : attendu / expected 1 … 1000000")
        if not 0 <= self.probability <= 1:
            raise UserError(f"{self.fault}: probability : attendu / expected 0 … 1")
        if not (math.isfinite(self.seconds) and 0 <= self.seconds <= 600):
            raise UserError(f"{self.fault}: seconds : attendu / expected 0 … 600")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FaultRule:
        """Build from plain data.

        Raises:
            UserError: an unknown or ill-typed member.
        """
        types: dict[str, type | tuple[type, ...]] = {
            "fault": str,
            "point": str,
            "client_id": str,
            "nth": int,
            "per": str,
            "probability": (int, float),
            "seconds": (int, float),
        }
        for name, value in data.items():
            if name not in types:
                raise UserError(f"fault: {name!r} : attendu / expected {sorted(types)}")
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, types[name])
            ):
                raise UserError(f"fault: {name} = {value!r} ?")
        if "fault" not in data:
            raise UserError("fault: le nom manque / the name is missing")
        values = {k: v for k, v in data.items() if v is not None}
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {k: v for k, v in asdict(self).items() if v is not None}


class Faults:
    """The rules in force and what they have counted."""

    def __init__(self, seed: int = 0, rules: tuple[FaultRule, ...] = ()) -> None:
        self.seed = seed
        self.rules = rules
        # Bounded: counters of the oldest requests are forgotten first.
        self._counts: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._size = 50_000

    def replace(self, rules: tuple[FaultRule, ...], seed: int | None = None) -> None:
        """Put other rules in force; counting starts again."""
        self.rules = rules
        self.seed = self.seed if seed is None else seed
        self._counts.clear()

    def _count(self, point: str, scope: str, key: str) -> int:
        name = (point, scope, key)
        count = self._counts.pop(name, 0) + 1
        self._counts[name] = count
        while len(self._counts) > self._size:
            self._counts.popitem(last=False)
        return count

    def pick(self, point: str, client_id: str, request: str = "") -> tuple[FaultRule, ...]:
        """Count one occurrence and return the rules that strike it."""
        if not self.rules:
            return ()
        by_request = self._count(point, "request", f"{client_id}\n{request}")
        by_client = self._count(point, "client", client_id)
        struck = []
        for index, rule in enumerate(self.rules):
            if rule.point != point or rule.client_id not in (None, client_id):
                continue
            if rule.nth is not None and rule.nth != (
                by_request if rule.per == "request" else by_client
            ):
                continue
            if rule.probability < 1 and (
                uniform(self.seed, index, client_id, point, by_client) >= rule.probability
            ):
                continue
            struck.append(rule)
        return tuple(struck)


def load_faults(path: Path) -> tuple[int, tuple[FaultRule, ...]]:
    """Read `seed` and `[[fault]]` rules from TOML.

    Raises:
        UserError: unreadable file, or a rule that is refused.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    rules = data.get("fault", [])
    seed = data.get("seed", 0)
    listed = isinstance(rules, list) and all(isinstance(item, dict) for item in rules)
    if not listed or not isinstance(seed, int) or set(data) - {"seed", "fault"}:
        raise UserError(f"{path}: attendu / expected seed = 0, [[fault]]")
    return seed, tuple(FaultRule.from_dict(item) for item in rules)
