"""mbsync reads and msmtp sends: a script for `mss-sandbox check client`."""

import email.message
import email.utils
import json
import os
import pathlib
import subprocess
import sys
import tempfile

needs = json.loads(os.environ["MSS_STEP"])
if "imap" not in needs:
    sys.exit(77)  # they find no server by themselves
account = needs["account"]
at = needs["imap" if sys.argv[1] == "receive" else "smtp"]
MBSYNC = """
IMAPAccount mss
Host {host}
Port {port}
SSLType {tls}
CertificateFile {trust}
User {user}
Pass {password}
AuthMechs PLAIN
Timeout 150

IMAPStore far
Account mss

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel mss
Far :far:
Near :near:
Create Near
Sync Pull
MaxMessages 3
"""
MSMTP = """
account mss
host {host}
port {port}
tls on
tls_starttls {starttls}
tls_trust_file {trust}
auth plain
user {user}
password {password}
from {address}
dsn_notify {notify}
"""


def values(folder: str) -> dict[str, str]:
    """Return what the settings are filled with."""
    starttls = at["tls"] == "starttls"
    return {
        **{name: str(each) for name, each in at.items()}, "folder": folder,
        "tls": "STARTTLS" if starttls else "IMAPS", "starttls": "on" if starttls else "off",
        "trust": needs["trust"], "user": account["username"], "password": account["password"],
        "address": account["address"],
        "notify": "success,failure" if needs.get("message", {}).get("notify") else "off",
    }  # fmt: skip


with tempfile.TemporaryDirectory() as place:
    settings = pathlib.Path(place, "rc")
    settings.write_text((MBSYNC if sys.argv[1] == "receive" else MSMTP).format(**values(place)))
    settings.chmod(0o600)
    text = None
    if sys.argv[1] == "receive":
        pathlib.Path(place, "mail").mkdir()
        words = ["mbsync", "--config", str(settings), "mss"]
    else:
        asked = needs["message"]
        message = email.message.EmailMessage()
        message["From"], message["To"] = f"Dr Anne Essai <{asked['from']}>", asked["to"]
        message["Subject"], message["Date"] = asked["subject"], email.utils.localtime()
        message["Message-ID"] = email.utils.make_msgid(domain="op001.mssante.test")
        if "in_reply_to" in asked:
            message["In-Reply-To"] = asked["in_reply_to"]
        if "end_of_exchange" in asked:
            message["X-MSS-MES"] = "FIN"
        message.set_content(asked["text"], cte="quoted-printable")
        if "attachment" in asked:
            data = pathlib.Path(asked["attachment"]).read_bytes()
            message.add_attachment(data, "application", "octet-stream", filename="gros.bin")
        text = message.as_bytes()
        words = ["msmtp", f"--file={settings}", "--account=mss", asked["to"]]
    env = {**os.environ, "HOME": place}
    sys.exit(subprocess.run(words, input=text, env=env, check=False).returncode)
