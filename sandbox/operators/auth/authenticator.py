"""One question: who is this? Hands credentials to the method that they are for."""

from __future__ import annotations

from sandbox.operators.model import Accepted, Channel, Credentials, Rejected

__all__ = ["Authenticator"]


class Authenticator:
    """The logins of one operator (skeleton: the methods follow)."""

    async def authenticate(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        """Judge credentials; may take minutes where a telephone is asked.

        Cancelling cancels what is pending elsewhere. Refusals are journaled here. It never raises
        for a peer's fault.
        """
        raise NotImplementedError
