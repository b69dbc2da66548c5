"""A door and its protocols: what goes wrong in one is said to its client by a closed connection."""

from __future__ import annotations

import asyncio
import contextlib

from sandbox.serve.door import Door, Visitor


class Broken(asyncio.Protocol):
    """A protocol that fails before it has greeted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raise LookupError(transport)


def broken(_: Visitor) -> asyncio.Protocol:
    return Broken()


def test_a_protocol_that_fails_at_once_leaves_no_client_waiting_for_its_greeting() -> None:
    async def work() -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: failures.append(context.get("exception"))
        )
        door = Door(broken)
        await door.start()
        reader, writer = await asyncio.open_connection(door.host, door.port)
        with contextlib.suppress(ConnectionResetError):  # a cut reads as one, or as the end
            assert await reader.read() == b""
        writer.close()
        assert door.connections == 0
        assert [type(each) for each in failures] == [LookupError]
        await door.stop()

    asyncio.run(work())
