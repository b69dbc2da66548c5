"""The checks: each module registers its own; `CHECKS` has them all, by requirement."""

from sandbox.conformance.checks import delivery, imap, login, relay, submission, tls
from sandbox.conformance.checks.register import CHECKS, Check

__all__ = ["CHECKS", "Check", "delivery", "imap", "login", "relay", "submission", "tls"]
