"""Python's imaplib and smtplib."""

import imaplib
import os
import smtplib
import ssl

env = os.environ
me, secret, mechanism = env["ME"], env["SECRET"], env["MECHANISM"]
implicit = env["TLS"] == "implicit"
said = {
    "EXTERNAL": me,
    "XOAUTH2": f"user={me}\1auth=Bearer {secret}\1\1",
    "OAUTHBEARER": f"n,a={me},\1auth=Bearer {secret}\1\1",
}
context = ssl.create_default_context(cafile=env["CA"])
if env["CERT"]:
    context.load_cert_chain(env["CERT"], env["KEY"])
for _ in range(int(env["TIMES"])):
    if env["PROTOCOL"] == "imap":
        if implicit:
            session: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                env["HOST"], int(env["PORT"]), ssl_context=context
            )
        else:
            session = imaplib.IMAP4(env["HOST"], int(env["PORT"]))
            session.starttls(context)
        with session as imap:
            if mechanism == "PLAIN":
                imap.login(f'"{me}"', secret)
            elif mechanism != "NONE":
                imap.authenticate(mechanism, lambda _: said[mechanism].encode())
            assert imap.select("INBOX")[0] == "OK"
    else:
        if implicit:
            submission: smtplib.SMTP = smtplib.SMTP_SSL(
                env["HOST"], int(env["PORT"]), context=context
            )
        else:
            submission = smtplib.SMTP(env["HOST"], int(env["PORT"]))
            submission.starttls(context=context)
        with submission as smtp:
            smtp.ehlo()
            if mechanism == "PLAIN":
                smtp.login(me, secret)
            elif mechanism != "NONE":
                smtp.auth(mechanism, lambda _=None: said[mechanism])
            smtp.sendmail(env["FROM"], [env["TO"]], env["MESSAGE"])
