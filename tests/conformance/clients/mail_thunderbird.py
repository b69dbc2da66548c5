"""Thunderbird as mail software: a script for `mss-sandbox check client`, with a profile made anew.

It is driven as the matrix drives it: its settings say all, nothing is clicked, its own time-outs.
"""

import json
import os
import pathlib
import sys
import tempfile
import time
from typing import Any

from sandbox.conformance.software import thunderbird as tb
from sandbox.conformance.software.names import free_port

needs = json.loads(os.environ["MSS_STEP"])
account, asked = needs["account"], needs.get("message", {})
STARTS = {"implicit": tb.IMPLICIT_TLS, "starttls": tb.STARTTLS}
# What fails may say so in no dialog: then it is enough to have waited for a while.
QUIT = 6.0  # s: it keeps the connection for five more after sending, for another message
PATIENCE = 60.0 if needs["expect"] == "success" else 15.0

# Inbox and Trash stand there before a mailbox was ever opened.
THERE = "return root.descendants.length > 2;"
READ = """
const [subject] = arguments;
const inbox = root.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const header = [...inbox.messages].find(each => each.mime2DecodedSubject == subject);
if (!header) return false;
const uri = inbox.getUriForMsg(header);
const stream = Cc["@mozilla.org/scriptableinputstream;1"]
  .createInstance(Ci.nsIScriptableInputStream);
await new Promise((done, fail) => MailServices.messageServiceFromURI(uri).streamMessage(uri, {
  QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
  onStartRequest() {},
  onDataAvailable(request, input, offset, count) { stream.init(input); stream.read(count); },
  onStopRequest(request, status) { Components.isSuccessCode(status) ? done() : fail(status); },
}, null, null, false, "", false));
return true;
"""

SEND = """
const [asked, body] = arguments;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"]
  .createInstance(Ci.nsIMsgCompFields);
const identity = account.defaultIdentity;
fields.from = MailServices.headerParser.makeMimeAddress(identity.fullName, identity.email);
fields.to = asked.to;
fields.subject = asked.subject;
fields.body = body;
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


def receive(running: tb.Thunderbird) -> bool:
    """Tell whether the mailbox opens, and with it the message that is named. It is asked once."""
    end, wanted = time.monotonic() + PATIENCE, asked.get("subject")
    running.inbox()
    while time.monotonic() < end:
        if running.session.script(tb.MODULES + THERE):
            break
        if running.dialogs():
            return False
        time.sleep(0.2)
    else:
        return False
    while wanted and not running.session.script(tb.MODULES + READ, wanted):
        if time.monotonic() > end:
            return False
        running.inbox()
    return True


def send(running: tb.Thunderbird) -> bool:
    """Tell whether the message was sent."""
    try:
        running.session.script(tb.MODULES + SEND, asked, asked["text"])
    except RuntimeError as error:
        print(error)
        return False
    time.sleep(QUIT)
    return True


def profile(folder: pathlib.Path, port: int) -> tb.ThunderbirdAccount:
    """Make a profile; return the mailbox in it."""
    imap, smtp = needs["imap"], needs["smtp"]
    card = (account["pkcs12"], account["pin"]) if "pkcs12" in account else None
    mailbox = tb.ThunderbirdAccount(
        account["username"], (imap["host"], imap["port"]), (smtp["host"], smtp["port"]),
        password=account.get("password", ""), card=card, keeps_sent=False,
    )  # fmt: skip
    tb.make_profile(folder, needs["trust"], port, mailbox)
    more: dict[str, Any] = {
        "mail.server.server1.socketType": STARTS[imap["tls"]],
        "mail.smtpserver.smtp1.try_ssl": STARTS[smtp["tls"]],
        "mail.identity.id1.useremail": account["address"],
        "mail.identity.id1.fullName": "Dr Anne Essai",
    }
    with (folder / "user.js").open("a") as file:
        file.writelines(
            f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in more.items()
        )
    return mailbox


if needs["step"] == "cut":
    sys.exit(77)  # it comes again when it next looks for mail, every ten minutes
if "imap" not in needs:
    sys.exit(77)  # its assistant is driven elsewhere (tests/live/clients/test_thunderbird.py)
with tempfile.TemporaryDirectory() as name:
    place, port = pathlib.Path(name) / "profile", free_port()
    mailbox = profile(place, port)
    with tb.thunderbird(place, port, {}) as running:
        if mailbox.password:
            running.remember(mailbox)
        good = {"receive": receive, "send": send}[sys.argv[1]](running)
        print("; ".join(running.dialogs()))
    sys.exit(0 if good else 1)
