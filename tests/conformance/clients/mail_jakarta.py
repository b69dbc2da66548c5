"""Jakarta Mail as mail software: a script for `mss-sandbox check client`, by a few lines of Java.

JARS is the folder of its libraries, CLASSES where `foreign/Mail.java` was compiled to, `mail.jar`.
The first step leaves there what Java has loaded, as an archive that the others begin with.
"""

import json
import os
import sys

needs = json.loads(os.environ["MSS_STEP"])
if "imap" not in needs:
    sys.exit(77)  # it finds no server by itself
account = needs["account"]
protocol = "imap" if sys.argv[1] == "receive" else "smtp"
at, asked = needs[protocol], needs.get("message", {})
told = {
    "PROTOCOL": protocol, "HOST": at["host"], "PORT": str(at["port"]), "TLS": at["tls"],
    "MECHANISM": "EXTERNAL" if "certificate" in account else "PLAIN",
    "ME": account["username"], "SECRET": account.get("password", ""), "CA": needs["trust"],
    "P12": account.get("pkcs12", ""), "PIN": account.get("pin", ""), "TIMES": "1", "READ": "1",
    "FROM": account["address"], "NAME": "Dr Anne Essai",
    **{name: asked[key] for name, key in (
        ("TO", "to"), ("SUBJECT", "subject"), ("TEXT", "text"), ("ATTACHMENT", "attachment"),
        ("IN_REPLY_TO", "in_reply_to"),
    ) if key in asked},
    **({"NOTIFY": "SUCCESS,FAILURE"} if "notify" in asked else {}),
    **({"END": "1"} if "end_of_exchange" in asked else {}),
}  # fmt: skip
folder = os.environ["CLASSES"]
archive = f"{folder}/mail.jsa"
kept = "SharedArchiveFile" if os.path.exists(archive) else "ArchiveClassesAtExit"  # noqa: PTH110
path = f"{folder}/mail.jar:{os.environ['JARS']}/*"
words = [
    "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xlog:disable",
    f"-XX:{kept}={archive}", "-cp", path, "Mail",
]  # fmt: skip
os.execvpe("java", words, {**os.environ, **told})
