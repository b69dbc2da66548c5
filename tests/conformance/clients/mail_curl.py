"""curl as mail software: a script for `mss-sandbox check client`; curl sends what it is given."""

import email.message
import email.utils
import json
import os
import pathlib
import subprocess
import sys

needs = json.loads(os.environ["MSS_STEP"])
if "imap" not in needs:
    sys.exit(77)  # it finds no server by itself
account = needs["account"]
protocol = "imap" if sys.argv[1] == "receive" else "smtp"
at = needs[protocol]
words = ["curl", "--silent", "--show-error", "--max-time", "60", "--cacert", needs["trust"],
         "--connect-to", f"::{at['address']}:"]  # fmt: skip
words += ["--ssl-reqd"] if at["tls"] == "starttls" else []
if "certificate" in account:
    words += ["--cert", account["certificate"], "--key", account["key"],
              "--login-options", "AUTH=EXTERNAL", "--user", f"{account['username']}:"]  # fmt: skip
else:
    words += ["--user", f"{account['username']}:{account['password']}"]
url = f"{protocol}{'s' if at['tls'] == 'implicit' else ''}://{at['host']}:{at['port']}/"


def curl(*more: str, text: bytes = b"") -> str:
    """Run it; leave with its code where it failed."""
    done = subprocess.run([*words, *more], input=text, capture_output=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr.decode())
        sys.exit(1)
    return done.stdout.decode("utf-8", "replace")


if protocol == "imap":
    found = curl(f"{url}INBOX", "--request", "SEARCH ALL").split()
    if found[-1].isdigit():
        curl(f"{url}INBOX;MAILINDEX={found[-1]}")
    sys.exit()
asked = needs["message"]
if "notify" in asked:
    sys.exit(77)  # it has no option for it
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
curl("--mail-from", asked["from"], "--mail-rcpt", asked["to"], "--upload-file", "-", "--crlf",
     url + "poste.mssante.test", text=message.as_bytes())  # fmt: skip
