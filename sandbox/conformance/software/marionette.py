"""Marionette, the remote control of Mozilla's programs: length-prefixed JSON on a socket."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Mapping
from typing import Any

PATIENCE = 180.0
# Dialogs are for whoever asked for them, not for Marionette to close.
CAPABILITIES = {"capabilities": {"alwaysMatch": {"unhandledPromptBehavior": "ignore"}}}


class Marionette:
    """A conversation with a program, with all rights in it."""

    def __init__(self, port: int) -> None:
        self._count = 0
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            self._read()  # who is there
        except OSError:
            self.close()
            raise
        self.command("WebDriver:NewSession", CAPABILITIES)
        self.command("Marionette:SetContext", {"value": "chrome"})
        self.command("WebDriver:SetTimeouts", {"script": int(PATIENCE * 1000)})

    def close(self) -> None:
        """End the conversation; the program goes on."""
        self._socket.close()

    def command(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """Run a command and return its result.

        Raises:
            RuntimeError: the program says that it failed.
        """
        self._count += 1
        data = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{name}: {error['error']}: {error['message']}")
        return result

    def script(self, text: str, *arguments: Any) -> Any:
        """Run a script; it may wait. An open dialog is waited for: somebody closes it.

        Raises:
            RuntimeError: it failed, or a dialog stays open.
        """
        wrapped = f"return (async function() {{ {text} }}).apply(null, arguments);"
        parameters = {"script": wrapped, "args": list(arguments), "sandbox": "system"}
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.command("WebDriver:ExecuteScript", parameters)["value"]
            except RuntimeError as error:
                if "unexpected alert open" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def picture(self) -> bytes:
        """Return the window as PNG."""
        taken = self.command("WebDriver:TakeScreenshot", {"full": False})
        return base64.b64decode(taken["value"])

    def _read(self) -> Any:
        length = b""
        while (byte := self._socket.recv(1)) != b":":
            if not byte:
                raise ConnectionError("the program has gone")
            length += byte
        data = b""
        while len(data) < int(length):
            part = self._socket.recv(int(length) - len(data))
            if not part:
                raise ConnectionError("the program has gone")
            data += part
        return json.loads(data)


def conversation(port: int) -> Marionette:
    """Wait for a program that starts, and talk to it.

    Raises:
        TimeoutError: it does not answer.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return Marionette(port)
        except OSError:
            time.sleep(0.3)
    raise TimeoutError("the program does not answer")
