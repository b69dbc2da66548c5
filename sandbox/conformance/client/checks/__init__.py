"""The checks of software: each module registers its own in `look.CHECKS`."""

from sandbox.conformance.client.checks import document, login, message, tls

__all__ = ["document", "login", "message", "tls"]
