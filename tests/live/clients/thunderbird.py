"""Thunderbird without a screen, driven over Marionette: a profile of its own, nothing clicked.

By hand, with its window: `python -m tests.live.clients.thunderbird out/space PROFILE` makes a
profile for the first person of a running space; then `thunderbird --profile PROFILE`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 120.0

# Authentication: 3 is a plain password over TLS, 7 is EXTERNAL. Socket: 3 is TLS at once.
PREFERENCES: dict[str, Any] = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.rights.version": 1,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.start_page.enabled": False,
    "mailnews.tcptimeout": 150,  # the login is held while a telephone rings
    "mailnews.database.global.indexer.enabled": False,
    "network.dns.disableIPv6": True,
    "security.default_personal_cert": "Select Automatically",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.account.account1.identities": "id1",
    "mail.account.account1.server": "server1",
    "mail.smtpservers": "smtp1",
    "mail.smtp.defaultserver": "smtp1",
    "mail.identity.id1.valid": True,
    "mail.identity.id1.compose_html": False,
    "mail.identity.id1.smtpServer": "smtp1",
    "mail.identity.id1.doBcc": False,
    "mail.server.server1.type": "imap",
    "mail.server.server1.socketType": 3,
    "mail.server.server1.login_at_startup": False,  # it would ask before it is told the password
    "mail.server.server1.check_new_mail": False,
    "mail.smtpserver.smtp1.try_ssl": 3,
}

REMEMBER = """
const [imap, smtp, user, password] = arguments;
for (const place of ["imap://" + imap, "smtp://" + smtp]) {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init(place, null, place, user, password, "", "");
  await Services.logins.addLoginAsync(login);
}
return true;
"""

SUBJECTS = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const server = MailServices.accounts.getAccount("account1").incomingServer;
server.performExpand(null);
const inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
if (!inbox) return [];
inbox.updateFolder(null);
await new Promise(later => setTimeout(later, 500));
return [...inbox.messages].map(header => header.mime2DecodedSubject);
"""

SEND = """
const [to, subject] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.getAccount("account1");
const identity = account.defaultIdentity;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"]
  .createInstance(Ci.nsIMsgCompFields);
fields.from = identity.email;
fields.to = to;
fields.subject = subject;
fields.body = "Bonjour.\\r\\n";
const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"]
  .createInstance(Ci.nsIMsgComposeParams);
parameters.identity = identity;
parameters.composeFields = fields;
parameters.format = Ci.nsIMsgCompFormat.PlainText;
const compose = Cc["@mozilla.org/messengercompose/compose;1"].createInstance(Ci.nsIMsgCompose);
compose.initialize(parameters);
const sent = new Promise((done, fail) => compose.addMsgSendListener({
  QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener"]),
  onStartSending() {}, onProgress() {}, onStatus() {}, onSendNotPerformed() {},
  onGetDraftFolderURI() {}, onTransportSecurityError() {},
  onStopSending(id, status) {
    Components.isSuccessCode(status) ? done() : fail(new Error("0x" + status.toString(16)));
  },
}));
compose.sendMsg(Ci.nsIMsgCompDeliverMode.Now, identity, account.key, null, null);
await sent;
return true;
"""


@dataclass(frozen=True)
class Mailbox:
    """A mailbox: user, (host, port) of both protocols, and a password or a card (file, PIN)."""

    user: str
    imap: tuple[str, int]
    smtp: tuple[str, int]
    password: str = ""
    card: tuple[str, str] | None = None


def make_profile(folder: Path, mailbox: Mailbox, roots: str, marionette: int) -> None:
    """Write a profile: preferences, the roots of the space as authorities, the card."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {"server.server1": (*mailbox.imap, "hostname"),
              "smtpserver.smtp1": (*mailbox.smtp, "hostname")}  # fmt: skip
    values = dict(PREFERENCES)
    for key, (host, port, name) in places.items():
        values[f"mail.{key}.{name}"] = host
        values[f"mail.{key}.port"] = port
        values[f"mail.{key}.authMethod"] = 7 if mailbox.card else 3
        values[f"mail.{key}.{'userName' if 'server1' in key else 'username'}"] = mailbox.user
    values["mail.identity.id1.useremail"] = mailbox.user
    values["mail.identity.id1.fullName"] = mailbox.user
    values["marionette.port"] = marionette
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in values.items()]
    (folder / "user.js").write_text("\n".join(lines) + "\n")
    database = ["-d", f"sql:{folder}"]
    subprocess.run(["certutil", "-N", *database, "--empty-password"], check=True, timeout=60)
    parts = Path(roots).read_text().split("-----END CERTIFICATE-----")
    for number, part in enumerate(parts[:-1]):
        text = part[part.index("-----BEGIN") :] + "-----END CERTIFICATE-----\n"
        subprocess.run(
            ["certutil", "-A", *database, "-n", f"root-{number}", "-t", "C,,", "-a"],
            input=text, text=True, check=True, timeout=60,
        )  # fmt: skip
    if mailbox.card:
        file, pin = mailbox.card
        words = ["pk12util", "-i", file, *database, "-W", pin, "-K", ""]
        subprocess.run(words, check=True, timeout=60, stdout=subprocess.DEVNULL)


class Marionette:
    """A conversation with Thunderbird: length-prefixed JSON."""

    def __init__(self, port: int) -> None:
        self._count = 0
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            self._read()  # who is there
        except OSError:
            self.close()
            raise
        self.command("WebDriver:NewSession", {})
        self.command("Marionette:SetContext", {"value": "chrome"})
        self.command("WebDriver:SetTimeouts", {"script": int(PATIENCE * 1000)})

    def close(self) -> None:
        self._socket.close()

    def command(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """Run a command and return its result.

        Raises:
            RuntimeError: Thunderbird says that it failed.
        """
        self._count += 1
        data = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{name}: {error['error']}: {error['message']}")
        return result

    def script(self, text: str, *arguments: Any) -> Any:
        """Run a script with all rights; it may wait."""
        wrapped = f"return (async function() {{ {text} }}).apply(null, arguments);"
        parameters = {"script": wrapped, "args": list(arguments), "sandbox": "system"}
        return self.command("WebDriver:ExecuteScript", parameters)["value"]

    def _read(self) -> Any:
        length = b""
        while (byte := self._socket.recv(1)) != b":":
            if not byte:
                raise ConnectionError("Thunderbird has gone")
            length += byte
        data = b""
        while len(data) < int(length):
            data += self._socket.recv(int(length) - len(data))
        return json.loads(data)


@contextlib.contextmanager
def thunderbird(profile: Path, port: int, env: Mapping[str, str]) -> Iterator[Marionette]:
    """Run Thunderbird until the block ends.

    Raises:
        TimeoutError: it does not answer.
    """
    words = [
        "thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote",
        "--profile", str(profile),
    ]  # fmt: skip
    home = {"HOME": str(profile.parent), "MOZ_HEADLESS": "1"}
    with (profile.parent / "thunderbird.log").open("w") as log:
        child = subprocess.Popen(
            words, stdout=log, stderr=log, env={**os.environ, **home, **env},
            start_new_session=True,
        )  # fmt: skip
        try:
            with contextlib.closing(_conversation(port)) as session:
                yield session
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _conversation(port: int) -> Marionette:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return Marionette(port)
        except (ConnectionError, OSError):
            time.sleep(0.3)
    raise TimeoutError("Thunderbird does not answer")


def mailbox_of(sheet: Mapping[str, Any], method: str) -> Mailbox:
    """Return the first mailbox of a sheet that logs in by a method.

    Args:
        sheet: content of space.json.
        method: ecps, through the CIBA proxy at the single endpoint; or cps, at the endpoints for
            cards. To submit, Thunderbird knows no EXTERNAL: the card has to log in alone.
    """
    operator = sheet["operators"][0]
    design = "multi-endpoint" if method == "cps" else "single-endpoint"
    at = {e["protocol"]: e for e in operator["designs"][design] if method in e["methods"]}
    account, way = next(
        (account, holder["methods"][method])
        for account in sheet["accounts"]
        for holder in account["holders"]
        if account["operator"] == operator["name"] and method in holder["methods"]
    )
    imap, smtp = ((at[name]["host"], at[name]["port"]) for name in ("imap", "smtp"))
    if method == "cps":
        return Mailbox(account["address"], imap, smtp, card=(way["pkcs12"], way["pin"]))
    return Mailbox(way["username"], imap, smtp, password=way["password"])


def main() -> None:
    """Make a profile for a running space."""
    space, profile = Path(sys.argv[1]), Path(sys.argv[2])
    sheet = json.loads((space / "space.json").read_bytes())
    shutil.rmtree(profile, ignore_errors=True)
    make_profile(profile, mailbox_of(sheet, "ecps"), sheet["ca"]["roots"], 2828)


if __name__ == "__main__":
    main()
