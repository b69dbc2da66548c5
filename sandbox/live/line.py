"""Calls between two processes of one space, over a socket that one inherits from the other.

Both may ask. What is sent is pickled: the socket has no name, so that nobody else can be at the
other end.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["GoneError", "ProcessLine"]


class GoneError(Exception):
    """The process at the other end is no more."""


class ProcessLine:
    """One end of a line.

    Args:
        end: of a connected pair of sockets; the line owns it.
        answer: does what the other end asks, by name and arguments, and gives what it is told.
            Each call has a thread of its own; what is told without waiting is done in turn.
        gone: called once, when the other end is no more or this one was closed.
    """

    def __init__(
        self, end: socket.socket, answer: Callable[..., Any], gone: Callable[[], None]
    ) -> None:
        self._connection = Connection(end.detach())
        self._answer, self._gone = answer, gone
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._listen, name="line", daemon=True)
        self._thread.start()

    def call(self, name: str, *args: Any, timeout: float | None = 30.0) -> Any:
        """Have the other end do something; return what it gives, or raise what it raises.

        Raises:
            GoneError: it is no more.
            TimeoutError: no answer in time.
        """
        future: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if self._ended:
                raise GoneError
            self._waiting[number] = future
        self._send(("call", number, name, args))
        try:
            return future.result(timeout)
        finally:
            self._waiting.pop(number, None)

    def tell(self, name: str, *args: Any) -> None:
        """Have the other end do something, without waiting; nothing when it is no more."""
        self._send(("tell", 0, name, args))

    def close(self) -> None:
        """Hang up."""
        self._send(("bye", 0, "", ()))
        self._thread.join(1.0)

    def _send(self, said: tuple[str, int, str, Any]) -> None:
        # The listening thread sees the end too.
        with self._lock, contextlib.suppress(OSError):
            self._connection.send(said)

    def _listen(self) -> None:
        while True:
            try:
                kind, number, name, args = self._connection.recv()
            except (EOFError, OSError):
                break
            if kind == "call":
                work = threading.Thread(target=self._do, args=(number, name, args), daemon=True)
                work.start()
            elif kind == "tell":
                self._answer(name, *args)
            elif kind == "bye":
                break
            elif future := self._waiting.get(number):
                if kind == "raised":
                    future.set_exception(args)
                else:
                    future.set_result(args)
        with self._lock:
            self._ended = True
            self._connection.close()
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(GoneError())
        self._gone()

    def _do(self, number: int, name: str, args: tuple[Any, ...]) -> None:
        try:
            given, kind = self._answer(name, *args), "gave"
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            # Not every library's exceptions survive the way.
            told = isinstance(error, UserError)
            given, kind = error if told else RuntimeError(repr(error)), "raised"
        self._send((kind, number, "", given))
