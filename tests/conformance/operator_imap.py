"""The IMAP of the operator that is an object."""

from __future__ import annotations

import base64
import json
import re

from tests.conformance.operator import Box, Message, Session


class ImapSession(Session):
    """One connection."""

    def greet(self) -> None:
        self.box: Box | None = None
        self.writable = True
        self.idling = ""
        self.sasl: tuple[str, str] | None = None
        self.challenged = ""
        self.write(b"+ hello\r\n" if self.broken("imap-greeting") else b"* OK ready\r\n")

    def told(self, box: Box) -> None:
        if self.idling and box is self.box:
            self.write(f"* {len(box.messages)} EXISTS\r\n".encode())

    def capabilities(self) -> str:
        words = [] if self.broken("imap-revision") else ["IMAP4rev1"]
        if not self.broken("imap-idle"):
            words.append("IDLE")
        if not self.secured:
            if not self.broken("imap-starttls-offered"):
                words.append("STARTTLS")
            if self.broken("imap-login-disabled-in-clear"):
                return " ".join([*words, "AUTH=PLAIN"])
            return " ".join([*words, "LOGINDISABLED"])
        if self.broken("imap-starttls-once") and self.door.tls == "starttls":
            words.append("STARTTLS")
        for each in self.door.mechanisms:
            hidden = self.certificate is None or self.broken("mechanisms-offered")
            if each == "EXTERNAL" and hidden:
                continue
            words.append(f"AUTH={each}")
        return " ".join(words)

    def work(self) -> bool:
        found = re.search(rb"\{(\d+)\}\r\n", self.buffer)
        first = self.buffer.find(b"\r\n")
        if found and found.end() == first + 2:
            if not getattr(self, "_asked", False):
                self._asked = True
                self.write(b"+ go on\r\n")
            end = found.end() + int(found[1])
            if len(self.buffer) < end + 2:
                return False
            line, self.buffer = self.buffer[: found.start()], self.buffer[end + 2 :]
            self._asked = False
            return self.command(line.decode(), self._last(found, end))
        self._whole = self.buffer
        line_ = self.line()
        if line_ is None:
            return False
        return self.command(line_.decode("utf-8", "replace"), b"")

    def _last(self, found: re.Match[bytes], end: int) -> bytes:
        return found.string[found.end() : end]

    def say(self, text: str) -> None:
        self.write(text.encode() + b"\r\n")

    def command(self, line: str, literal: bytes) -> bool:
        if self.idling:
            self.say(f"{self.idling} OK done")
            self.idling = ""
            return True
        if self.challenged:
            tag, self.challenged = self.challenged, ""
            self.say(f"{tag} {'OK' if self.broken('token-challenge') else 'NO'} token refused")
            return True
        if self.sasl is not None:
            self._respond(line)
            return True
        tag, _, rest = line.partition(" ")
        verb, _, argument = rest.partition(" ")
        if not (self.broken("imap-case") and verb != verb.upper()):
            verb = verb.upper()
        act = getattr(self, f"do_{verb.lower()}", None) if verb == verb.upper() else None
        if act is None:
            self.say(f"{tag} {'OK' if self.broken('imap-unknown-command') else 'BAD'} what")
            return True
        if verb not in ("CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN"):
            open_ = self.broken("imap-login-needed") and self.secured
            if self.holder is None and not open_:
                self.say(f"{tag} NO log in first")
                return True
        act(tag, argument, literal)
        return True

    # Any state.

    def do_capability(self, tag: str, _a: str, _l: bytes) -> None:
        self.say(f"* CAPABILITY {self.capabilities()}")
        self.say(f"{tag} OK done")

    def do_noop(self, tag: str, _a: str, _l: bytes) -> None:
        self.say(f"{tag} OK done")

    def do_logout(self, tag: str, _a: str, _l: bytes) -> None:
        if not self.broken("imap-logout"):
            self.say("* BYE bye")
        self.say(f"{tag} OK done")
        self.closed = True

    def do_starttls(self, tag: str, _a: str, _l: bytes) -> None:
        self.say(f"{tag} OK begin")
        self.start_tls("imap-starttls-injection")

    # Logins.

    def do_login(self, tag: str, _a: str, _l: bytes) -> None:
        self.say(f"{tag} NO [PRIVACYREQUIRED] no")

    def do_authenticate(self, tag: str, argument: str, _l: bytes) -> None:
        mechanism = argument.split(" ")[0].upper()
        if not self.secured and not self.broken("imap-auth-refused-in-clear"):
            self.say(f"{tag} NO [PRIVACYREQUIRED] no")
        elif mechanism not in self.door.mechanisms:
            kind = "+" if self.broken("imap-auth-unknown-mechanism") else f"{tag} NO"
            self.say(f"{kind} unknown")
        else:
            self.sasl = (tag, mechanism)
            self.say("+ ")

    def _respond(self, line: str) -> None:
        assert self.sasl is not None
        (tag, mechanism), self.sasl = self.sasl, None
        if line == "*":
            self.say(f"{tag} {'OK' if self.broken('imap-auth-cancel') else 'BAD'} cancelled")
            return
        response = base64.b64decode(line).decode()
        if mechanism == "PLAIN":
            _, user, password = response.split("\0")
            holder = self.by_password(user, password)
            known = user in self.operator.holders
        elif mechanism == "EXTERNAL":
            holder, known = self.by_certificate(response), True
        else:
            holder, known = self.by_token(response), True
            if holder is None and not self.broken("token-challenge"):
                challenge = base64.b64encode(json.dumps({"status": "401"}).encode()).decode()
                self.challenged = tag
                self.say(f"+ {challenge}")
                return
        self.holder = holder
        if holder is not None:
            self.say(f"{tag} OK welcome")
            return
        kind = "BAD" if self.broken("password-refusal-code") else "NO"
        text = "no such user" if self.broken("login-no-enumeration") and not known else "failed"
        self.say(f"{tag} {kind} [AUTHENTICATIONFAILED] {text}")

    # Mailboxes.

    def _own(self) -> Box:
        holder = self.holder.address if self.holder else next(iter(self.operator.boxes))
        return self.operator.boxes[holder]

    def do_select(self, tag: str, name: str, _l: bytes, *, writable: bool = True) -> None:
        wanted = name.strip('"')
        if self.broken("imap-inbox-case") and wanted != wanted.upper():
            wanted = "other"
        if wanted.upper() != "INBOX":
            self.say(f"{tag} {'OK' if self.broken('imap-no-such-mailbox') else 'NO'} none")
            return
        self.box, self.writable = self._own(), writable
        if self.broken("imap-flags-kept"):
            for each in self.box.messages:
                each.flags.clear()
        if self.broken("imap-uidvalidity-kept"):
            self.box.validity += 1
        self.say("* FLAGS (\\Seen \\Flagged \\Deleted)")
        self.say(f"* {len(self.box.messages)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.box.validity}] .")
        if not self.broken("imap-select"):
            self.say(f"* OK [UIDNEXT {self.box.next}] .")
        self.say(f"{tag} OK [{'READ-WRITE' if writable else 'READ-ONLY'}] done")

    def do_examine(self, tag: str, name: str, literal: bytes) -> None:
        if self.broken("imap-examine"):
            self.do_select(tag, name, literal)
        else:
            self.do_select(tag, name, literal, writable=False)

    def do_list(self, tag: str, _a: str, _l: bytes) -> None:
        if not self.broken("imap-list-inbox"):
            self.say('* LIST () "/" INBOX')
        self.say(f"{tag} OK done")

    def do_status(self, tag: str, _a: str, _l: bytes) -> None:
        box = self._own()
        unseen = "" if self.broken("imap-status") else " UNSEEN 0"
        self.say(f"* STATUS INBOX (MESSAGES {len(box.messages)} UIDNEXT {box.next}"
                 f" UIDVALIDITY {box.validity}{unseen})")  # fmt: skip
        self.say(f"{tag} OK done")

    def do_append(self, tag: str, _a: str, literal: bytes) -> None:
        box = self._own()
        if self.broken("imap-append-exact"):
            literal = literal.replace(b"..a", b".a ")
        box.add(literal)
        self.operator.tell(box)
        self.say(f"{tag} OK done")

    def do_idle(self, tag: str, _a: str, _l: bytes) -> None:
        self.idling = tag
        self.say("+ idling")

    def do_expunge(self, tag: str, _a: str, _l: bytes) -> None:
        assert self.box is not None
        for message in [m for m in self.box.messages if "\\Deleted" in m.flags]:
            number = self.box.messages.index(message) + 1
            if not self.broken("imap-expunge"):
                self.box.messages.remove(message)
            self.say(f"* {number} EXPUNGE")
            if self.broken("imap-uid-ascending"):
                self.box.next = message.uid
        self.say(f"{tag} OK done")

    def do_uid(self, tag: str, argument: str, _l: bytes) -> None:
        assert self.box is not None
        verb, _, rest = argument.partition(" ")
        if verb == "SEARCH":
            found = [str(m.uid) for m in self.box.messages if self._matches(m, rest)]
            self.say(f"* SEARCH {' '.join(found)}")
        else:
            uid, _, items = rest.partition(" ")
            for number, message in enumerate(self.box.messages, 1):
                if message.uid == int(uid):
                    (self._fetch if verb == "FETCH" else self._store)(number, message, items)
        self.say(f"{tag} OK done")

    def _matches(self, message: Message, criterion: str) -> bool:
        if criterion == "FLAGGED":
            return ("\\Flagged" in message.flags) is not self.broken("imap-search")
        if criterion == "UNFLAGGED":
            return "\\Flagged" not in message.flags
        if criterion.startswith("TEXT"):
            return criterion.split('"')[1].encode() in message.content
        return True

    def _store(self, number: int, message: Message, items: str) -> None:
        if self.writable:
            flag = items.partition("(")[2].rstrip(")")
            message.flags.add(flag)
            self.say(f"* {number} FETCH (FLAGS ({' '.join(message.flags)}))")

    def _fetch(self, number: int, message: Message, items: str) -> None:
        parts = [f"UID {message.uid}".encode()]
        if "FLAGS" in items:
            parts.append(f"FLAGS ({' '.join(sorted(message.flags))})".encode())
        if "RFC822.SIZE" in items:
            size = len(message.content) + self.broken("imap-size")
            parts.append(f"RFC822.SIZE {size}".encode())
        if "BODY" in items:
            peek = "PEEK" in items
            marks = self.broken("imap-peek") if peek else not self.broken("imap-seen")
            if marks and self.writable:
                message.flags.add("\\Seen")
            parts.append(b"BODY[] {%d}\r\n%s" % (len(message.content), message.content))
        self.write(b"* %d FETCH (%s)\r\n" % (number, b" ".join(parts)))
