"""Python's imaplib and smtplib as mail software: a script for `mss-sandbox check client`."""

import email.message
import email.utils
import imaplib
import json
import os
import pathlib
import smtplib
import ssl
import sys

needs = json.loads(os.environ["MSS_STEP"])
if "imap" not in needs:
    sys.exit(77)  # it finds no server by itself
account = needs["account"]
me, password = account["username"], account.get("password", "")
context = ssl.create_default_context(cafile=needs["trust"])
if "certificate" in account:
    context.load_cert_chain(account["certificate"], account["key"])


def receive() -> None:
    """Read the newest message."""
    at = needs["imap"]
    if at["tls"] == "implicit":
        imap = imaplib.IMAP4_SSL(at["host"], at["port"], ssl_context=context)
    else:
        imap = imaplib.IMAP4(at["host"], at["port"])
        imap.starttls(context)
    with imap:
        if "certificate" in account:
            imap.authenticate("EXTERNAL", lambda _: me.encode())
        else:
            imap.login(f'"{me}"', password)
        _, (count,) = imap.select("INBOX")
        if int(count):
            imap.fetch(count.decode(), "(RFC822)")


def send() -> None:
    """Send what is asked for."""
    at, asked = needs["smtp"], needs["message"]
    message = email.message.EmailMessage()
    message["From"], message["To"] = f"Dr Anne Essai <{asked['from']}>", asked["to"]
    message["Subject"], message["Date"] = asked["subject"], email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain=asked["from"].partition("@")[2])
    if "in_reply_to" in asked:
        message["In-Reply-To"] = asked["in_reply_to"]
    if "end_of_exchange" in asked:
        message["X-MSS-MES"] = "FIN"
    message.set_content(asked["text"])
    if "attachment" in asked:
        data = pathlib.Path(asked["attachment"]).read_bytes()
        message.add_attachment(data, "application", "octet-stream", filename="gros.bin")
    if at["tls"] == "implicit":
        smtp = smtplib.SMTP_SSL(at["host"], at["port"], context=context)
    else:
        smtp = smtplib.SMTP(at["host"], at["port"])
        smtp.starttls(context=context)
    with smtp:
        smtp.ehlo()
        if "certificate" in account:
            smtp.auth("EXTERNAL", lambda _=None: me)
        else:
            smtp.login(me, password)
        options = ["NOTIFY=SUCCESS,FAILURE"] if "notify" in asked else []
        smtp.send_message(message, rcpt_options=options)


{"receive": receive, "send": send}[sys.argv[1]]()
