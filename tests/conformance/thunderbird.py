"""Thunderbird under judgement: one that stays open, as a person's does, driven step by step.

Its settings say all and nothing is clicked; its time-outs and what it does by itself are its own.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.conformance.client.record import Done
from sandbox.conformance.client.steps import SoftwareAction, SoftwareStep
from sandbox.conformance.software import thunderbird as tb
from sandbox.conformance.software.names import free_port, names_of

STARTS = {"implicit": tb.IMPLICIT_TLS, "starttls": tb.STARTTLS}
# What no dialog or setting of it does by itself at once, so nobody waits for it here: it comes
# again when it next looks for mail, after ten minutes; its assistant resolves names of its own
# (tests/live/clients/test_thunderbird.py drives it).
SKIPPED = ("cut", "discover")

# Sends; returns what went wrong, or nothing.
SEND = """
const [asked] = arguments;
const identity = account.defaultIdentity;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"]
  .createInstance(Ci.nsIMsgCompFields);
fields.from = MailServices.headerParser.makeMimeAddress(identity.fullName, identity.email);
fields.to = asked.to;
fields.subject = asked.subject;
fields.body = asked.text;
if (asked.in_reply_to) fields.references = asked.in_reply_to;
if (asked.end_of_exchange) fields.setHeader("X-MSS-MES", "FIN");
if (asked.attachment) {
  const attachment = Cc["@mozilla.org/messengercompose/attachment;1"]
    .createInstance(Ci.nsIMsgAttachment);
  attachment.name = "gros.bin";
  attachment.url = "file://" + asked.attachment;
  attachment.contentType = "application/octet-stream";
  fields.addAttachment(attachment);
}
const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"]
  .createInstance(Ci.nsIMsgComposeParams);
parameters.identity = identity;
parameters.composeFields = fields;
parameters.format = Ci.nsIMsgCompFormat.PlainText;
const compose = Cc["@mozilla.org/messengercompose/compose;1"].createInstance(Ci.nsIMsgCompose);
compose.initialize(parameters);
if (asked.notify) compose.compFields.DSN = true; // as its menu does
const sent = new Promise(done => compose.addMsgSendListener({
  QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener"]),
  onStartSending() {}, onProgress() {}, onStatus() {}, onSendNotPerformed() {},
  onGetDraftFolderURI() {}, onTransportSecurityError() {},
  onStopSending(id, status) {
    done(Components.isSuccessCode(status) ? "" : "0x" + status.toString(16));
  },
}));
try {
  await compose.sendMsg(Ci.nsIMsgCompDeliverMode.Now, identity, account.key, null, null);
} catch (error) {
  return String(error);
}
return sent;
"""
# It keeps the connection for another message, then ends it by itself; closed, it does so at once.
IDLE = "await new Promise(later => setTimeout(later, 6000));"
CLOSE = "MailServices.outgoingServer.defaultServer.wrappedJSObject.closeCachedConnections();"


class ThunderbirdDriver:
    """As `SoftwareDriver`: a profile made anew and a Thunderbird for each password that is given.

    Args:
        folder: for its profiles.
    """

    alone = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._password: str | None = None
        self._open = contextlib.ExitStack()
        self._running: tb.Thunderbird

    def close(self) -> None:
        """End it."""
        self._open.close()

    def perform(self, step: SoftwareStep, action: SoftwareAction, needs: Mapping[str, Any]) -> Done:
        """As `SoftwareDriver`."""
        if step.id in SKIPPED:
            return Done(skipped=True)
        if needs["account"]["password"] != self._password:
            self._start(needs)
        asked, before = needs.get("message", {}), len(self._running.dialogs())
        script = self._running.session.script
        if action is SoftwareAction.RECEIVE:
            wrong = self._running.receive(asked.get("subject", ""))
        else:
            wrong = script(tb.MODULES + SEND, dict(asked))
            script(tb.MODULES + (IDLE if step.id == "send" else CLOSE))
        told = self._running.dialogs()[before:]  # a dialog cuts a script short: it returns nothing
        return Done(worked=not (wrong or told), said=(*filter(None, (wrong,)), *told))

    def _start(self, needs: Mapping[str, Any]) -> None:
        self._open.close()
        account, imap, smtp = needs["account"], needs["imap"], needs["smtp"]
        self._password = account["password"]
        profile, port = self._folder / f"profile-{free_port()}", free_port()
        mailbox = tb.ThunderbirdAccount(
            account["username"], (imap["host"], imap["port"]), (smtp["host"], smtp["port"]),
            password=account["password"], keeps_sent=False,
        )  # fmt: skip
        tb.make_profile(profile, needs["trust"], port, mailbox)
        more: dict[str, Any] = {
            "mail.server.server1.socketType": STARTS[imap["tls"]],
            "mail.smtpserver.smtp1.try_ssl": STARTS[smtp["tls"]],
            "mail.identity.id1.useremail": account["address"],
            "mail.identity.id1.fullName": "Dr Anne Essai",
        }
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in more.items()
        ]
        with (profile / "user.js").open("a") as file:
            file.writelines(lines)
        names = names_of(needs["hosts"])
        self._running = self._open.enter_context(tb.thunderbird(profile, port, names))
        self._running.remember(mailbox)
