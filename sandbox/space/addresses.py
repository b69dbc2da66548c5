"""Addresses that every domain has and that are no person's."""

from __future__ import annotations

__all__ = ["CONTROLLER", "RESERVED"]

# Who controls writes from a domain to its neighbours, to try their relays: its operator has sent
# nothing. The word is ours.
CONTROLLER = "controle"
# Of every domain, and of its operator alone.
RESERVED = frozenset({"postmaster", "mailer-daemon", "abuse", CONTROLLER})
