"""Thunderbird without a screen, driven over Marionette: a profile of its own, nothing clicked.

By hand, with its window: `python -m sandbox.conformance.software.thunderbird out/space PROFILE`
makes a profile for the first person of a running space; then `thunderbird --profile PROFILE`. With
a third word, a file, it reads the mail and takes a picture of the window (in an environment where
names resolve, docs/connect-your-client.md).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.conformance.software.marionette import PATIENCE, Marionette, conversation

# Ways to log in. To submit there is no EXTERNAL, but a card may do alone.
NOTHING, PASSWORD, EXTERNAL = 1, 3, 7
STARTTLS, IMPLICIT_TLS = 2, 3
MARGIN = 10.0  # s: a script ends by itself before Marionette ends it
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
}
ACCOUNT: dict[str, Any] = {
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
    "mail.server.server1.socketType": IMPLICIT_TLS,
    "mail.server.server1.login_at_startup": False,  # it would ask before it is told the password
    "mail.server.server1.check_new_mail": False,
    "mail.smtpserver.smtp1.try_ssl": IMPLICIT_TLS,
}

MODULES = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.accounts.find(each => each.incomingServer.type == "imap");
const root = account?.incomingServer.rootFolder;
"""

# Dialogs that nobody would answer: what they say is kept, then Cancel.
CANCEL_DIALOGS = """
Services.obs.addObserver(dialog => {
  const said = Services.prefs.getStringPref("test.dialogs", "[]");
  const text = dialog.document.getElementById("infoBody")?.textContent || dialog.document.title;
  Services.prefs.setStringPref("test.dialogs", JSON.stringify([...JSON.parse(said), text]));
  const cancel = () => dialog.document.querySelector("dialog").getButton("cancel").click();
  dialog.setTimeout(cancel, 100);
}, "common-dialog-loaded");
"""
DIALOGS = """return JSON.parse(Services.prefs.getStringPref("test.dialogs", "[]"));"""

REMEMBER = """
const [imap, smtp, user, password] = arguments;
for (const place of ["imap://" + imap, "smtp://" + smtp]) {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init(place, null, place, user, password, "", "");
  await Services.logins.addLoginAsync(login);
}
"""

# What the account assistant does with an address and a password.
DISCOVER = """
const [address, password] = arguments;
const path = "resource:///modules/accountcreation/";
const { FetchConfig } = ChromeUtils.importESModule(path + "FetchConfig.sys.mjs");
const { AccountConfig } = ChromeUtils.importESModule(path + "AccountConfig.sys.mjs");
const { CreateInBackend } = ChromeUtils.importESModule(path + "CreateInBackend.sys.mjs");
const domain = address.split("@")[1];
const found = await FetchConfig.fromISP(domain, address, new AbortController().signal);
const of = server => [server.hostname, server.port, server.socketType, server.auth];
const servers = {
  imap: [found.incoming, ...found.incomingAlternatives].map(of),
  smtp: [found.outgoing, ...found.outgoingAlternatives].map(of),
};
if (password) {
  AccountConfig.replaceVariables(found, address, address, password);
  found.rememberPassword = true;
  await CreateInBackend.createAccountInBackend(found);
}
return servers;
"""

OPEN = """
const [only] = arguments;
const wanted = folder => !only || folder.name.toUpperCase() == only.toUpperCase();
root.descendants.filter(wanted).forEach(folder => folder.updateFolder(null));
await new Promise(later => setTimeout(later, 500));
const inbox = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
return {
  folders: root.descendants.map(folder => folder.name),
  subjects: inbox ? [...inbox.messages].map(header => header.mime2DecodedSubject) : [],
};
"""

SEND = """
const [to, subject, receipt] = arguments;
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
compose.compFields.returnReceipt = receipt; // after the identity has had its say
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


# Gets messages, and opens the one of a subject; returns what went wrong, or nothing.
RECEIVE = """
const [subject, seconds] = arguments;
const inbox = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const said = status => Components.isSuccessCode(status) ? "" : "0x" + status.toString(16);
const got = new Promise(done => inbox.getNewMessages(null, {
  QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
  OnStartRunningUrl() {},
  OnStopRunningUrl(url, status) { done(said(status)); },
}));
const late = new Promise(done => setTimeout(() => done("still there"), seconds * 1000));
const wrong = await Promise.race([got, late]);
if (wrong || !subject) return wrong;
const header = [...inbox.messages].find(each => each.mime2DecodedSubject == subject);
if (!header) return "no such message";
const uri = inbox.getUriForMsg(header);
const stream = Cc["@mozilla.org/scriptableinputstream;1"]
  .createInstance(Ci.nsIScriptableInputStream);
return new Promise(done => MailServices.messageServiceFromURI(uri).streamMessage(uri, {
  QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
  onStartRequest() {},
  onDataAvailable(request, input, offset, count) { stream.init(input); stream.read(count); },
  onStopRequest(request, status) { done(said(status)); },
}, null, null, false, "", false));
"""

# Shows a message in the window, as a click does: it is then that a receipt is thought of.
READ = """
const [subject] = arguments;
const inbox = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const window = Services.wm.getMostRecentWindow("mail:3pane");
const tab = window.document.getElementById("tabmail").currentTabInfo;
tab.folder = inbox;
const header = [...inbox.messages].find(each => each.mime2DecodedSubject == subject);
while (!tab.chromeBrowser.contentWindow.gDBView) {
  await new Promise(later => window.setTimeout(later, 100));
}
const key = header.messageKey;
while (tab.message?.messageKey != key) {
  const view = tab.chromeBrowser.contentWindow.gDBView;
  const row = view.findIndexOfMsgHdr(header, true);
  if (row != 0xffffffff) tab.chromeBrowser.contentWindow.threadTree.selectedIndex = row;
  await new Promise(later => window.setTimeout(later, 100));
}
return true;
"""


@dataclass(frozen=True)
class ThunderbirdAccount:
    """A mailbox: user, (host, port) of both protocols, and a password or a card (file, PIN).

    `keeps_sent`: what is sent is copied into Sent; then nothing is sent while IMAP cannot log in.
    """

    user: str
    imap: tuple[str, int]
    smtp: tuple[str, int]
    password: str = ""
    card: tuple[str, str] | None = None
    keeps_sent: bool = True


def make_profile(
    folder: Path, roots: str, marionette: int, mailbox: ThunderbirdAccount | None = None
) -> None:
    """Write a profile: preferences, the roots of the space as authorities, an account, its card."""
    folder.mkdir(parents=True, exist_ok=True)
    values = PREFERENCES | {"marionette.port": marionette}
    if mailbox is not None:
        values |= _account(mailbox)
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
    if mailbox is not None and mailbox.card:
        file, pin = mailbox.card
        words = ["pk12util", "-i", file, *database, "-W", pin, "-K", ""]
        subprocess.run(words, check=True, timeout=60, stdout=subprocess.DEVNULL)


def _account(mailbox: ThunderbirdAccount) -> dict[str, Any]:
    values = ACCOUNT | {"mail.identity.id1.fcc": mailbox.keeps_sent}
    for key, (host, port), name, with_card in (
        ("server.server1", mailbox.imap, "userName", EXTERNAL),
        ("smtpserver.smtp1", mailbox.smtp, "username", NOTHING),
    ):
        values[f"mail.{key}.hostname"] = host
        values[f"mail.{key}.port"] = port
        values[f"mail.{key}.{name}"] = mailbox.user
        values[f"mail.{key}.authMethod"] = with_card if mailbox.card else PASSWORD
    for name in ("useremail", "fullName"):
        values[f"mail.identity.id1.{name}"] = mailbox.user
    return values


class Thunderbird:
    """A Thunderbird that runs."""

    def __init__(self, session: Marionette) -> None:
        self.session = session
        session.script(CANCEL_DIALOGS)

    def remember(self, mailbox: ThunderbirdAccount) -> None:
        """Give it the password, as if a person had typed it and had it remembered."""
        arguments = mailbox.imap[0], mailbox.smtp[0], mailbox.user, mailbox.password
        self.session.script(REMEMBER, *arguments)

    def discover(self, address: str, password: str = "") -> dict[str, list[list[Any]]]:
        """Look for the servers of an address; with a password, make the account.

        Returns:
            By protocol, [host, port, socket type, authentication] in the order of preference.
        """
        return dict(self.session.script(DISCOVER, address, password))

    def inbox(self) -> list[str]:
        """Get messages; return the subjects that are there."""
        return list(self._open("INBOX")["subjects"])

    def receive(self, subject: str = "") -> str:
        """Get messages, open the one of a subject; return what went wrong, or nothing."""
        arguments = subject, PATIENCE - MARGIN
        wrong = self.session.script(MODULES + RECEIVE, *arguments)
        return "a dialog" if wrong is None else str(wrong)

    def folders(self) -> list[str]:
        """Open every folder that is known, all at once; return their names."""
        return list(self._open()["folders"])

    def _open(self, *arguments: str) -> dict[str, list[str]]:
        found = None
        while found is None:  # a dialog cut the script short
            found = self.session.script(MODULES + OPEN, *arguments)
        return dict(found)

    def send(self, to: str, subject: str, *, receipt: bool = False) -> None:
        """Send a message; with a receipt asked for, as its menu does.

        Raises:
            RuntimeError: it could not be sent.
        """
        if not self.session.script(MODULES + SEND, to, subject, receipt):
            raise RuntimeError(f"not sent: {self.dialogs()}")

    def read(self, subject: str) -> None:
        """Show a message of INBOX, as a click does.

        Raises:
            RuntimeError: it is not there.
        """
        if not self.session.script(MODULES + READ, subject):
            raise RuntimeError(f"not shown: {self.dialogs()}")

    def dialogs(self) -> list[str]:
        """Return what its dialogs said; each was cancelled."""
        return list(self.session.script(DIALOGS))

    def until(self, mark: str) -> None:
        """Get messages until one with a subject is there.

        Raises:
            TimeoutError: it does not come.
        """
        end = time.monotonic() + PATIENCE
        while mark not in (seen := self.inbox()):
            if time.monotonic() > end:
                raise TimeoutError(f"{mark} not among {seen}; {self.dialogs()}")


@contextlib.contextmanager
def thunderbird(profile: Path, port: int, env: Mapping[str, str]) -> Iterator[Thunderbird]:
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
            with contextlib.closing(conversation(port)) as session:
                yield Thunderbird(session)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def mailbox_of(
    sheet: Mapping[str, Any], method: str, design: str = "single-endpoint"
) -> ThunderbirdAccount:
    """Return the first mailbox of a sheet that logs in by a method.

    Args:
        sheet: content of space.json.
        method: ecps, through the CIBA proxy; totp, where the password still lacks its code; cps,
            where a card alone may submit: Thunderbird knows no EXTERNAL there.
        design: whose endpoints.
    """
    operator = sheet["operators"][0]
    at = {e["protocol"]: e for e in operator["designs"][design] if method in e["methods"]}
    account, way = next(
        (account, holder["methods"][method])
        for account in sheet["accounts"]
        for holder in account["holders"]
        if account["operator"] == operator["name"] and method in holder["methods"]
    )
    imap, smtp = ((at[name]["host"], at[name]["port"]) for name in ("imap", "smtp"))
    if method == "cps":
        return ThunderbirdAccount(account["address"], imap, smtp, card=(way["pkcs12"], way["pin"]))
    return ThunderbirdAccount(way["username"], imap, smtp, password=way["password"])


SHOW = """
const window = Services.wm.getMostRecentWindow("mail:3pane");
window.resizeTo(1180, 480);
const tab = window.document.getElementById("tabmail").currentTabInfo;
tab.folder = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
await new Promise(later => setTimeout(later, 2000));
tab.chromeBrowser.contentWindow.threadTree.selectedIndex = 0;
await new Promise(later => setTimeout(later, 2000));
"""


def main() -> None:
    """Make a profile for a running space; with a file, take a picture."""
    space, profile, *pictures = map(Path, sys.argv[1:])
    sheet = json.loads((space / "space.json").read_bytes())
    shutil.rmtree(profile, ignore_errors=True)
    mailbox = mailbox_of(sheet, "ecps")
    make_profile(profile, sheet["ca"]["roots"], 2828, mailbox)
    for file in pictures:
        with thunderbird(profile, 2828, {}) as running:
            running.remember(mailbox)
            end = time.monotonic() + PATIENCE
            while not running.inbox() and time.monotonic() < end:
                pass
            running.session.script(MODULES + SHOW)
            file.write_bytes(running.session.picture())


if __name__ == "__main__":
    main()
