"""Mail software that does all that is asked of it, or breaks one requirement: a driver of its own.

It speaks with the bytes-level connection of the checks; what it is for is read from its needs, as a
script reads them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import socket
import ssl
import time
import warnings
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import httpx
from cryptography import x509
from cryptography.x509.oid import NameOID

from sandbox.conformance.client.record import Done
from sandbox.conformance.client.steps import SoftwareAction, SoftwareStep
from sandbox.conformance.connection import (
    CutError,
    ProbeConnection,
    SilentError,
    TlsRefusedError,
    Transcript,
)
from sandbox.conformance.findings import Stop
from sandbox.conformance.imap import ImapProbe
from sandbox.conformance.smtp import SmtpProbe
from sandbox.messages.compose import compose, health_letter
from sandbox.messages.documents import document_types
from sandbox.messages.ins import PatientIdentity

Tree = Mapping[str, Any]
INSISTS = 3


class FailedError(Exception):
    """What the software tells its user."""


class Wire:
    """A pipe over TCP."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), 30.0)

    def write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError:
            raise CutError from None

    def read(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except TimeoutError:
            raise SilentError from None
        except OSError:
            return b""

    def close(self) -> None:
        self._socket.close()


class Software:
    """A driver that is the software.

    Args:
        breaks: requirement that it breaks; none by default.
        token: it shows a token where it has one.
    """

    alone = True

    def __init__(self, breaks: str = "", *, token: bool = True) -> None:
        self.breaks, self.token = breaks, token
        self._open: list[ProbeConnection] = []

    def perform(self, step: SoftwareStep, action: SoftwareAction, needs: Tree) -> Done:
        del step
        needs = dict(needs)
        try:
            if "imap" not in needs:
                needs |= self._discovered(needs)
            if action is SoftwareAction.RECEIVE:
                self._receive(needs)
            else:
                self._send(needs)
        except (FailedError, Stop, TlsRefusedError, CutError, SilentError, OSError) as error:
            lies = self.breaks == "client-refusal-told" and needs["step"] == "elsewhere"
            return Done(worked=lies or self.loses(needs), said=(repr(error),))
        finally:
            for each in self._open:
                each.close()
        return Done(worked=True)

    def loses(self, needs: Tree) -> bool:
        return self.breaks == "client-temporary" and needs["step"] == "busy"

    # TLS ------------------------------------------------------------------------------------------

    def _context(self, needs: Tree) -> ssl.SSLContext:
        breaks, account = self.breaks, needs["account"]
        context = ssl.create_default_context(cafile=needs["trust"])
        context.check_hostname = breaks != "client-server-name"
        if breaks == "client-untrusted":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if breaks == "client-server-validity":
            context.verify_flags |= ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME
        if breaks == "tls-old-versions":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        elif breaks == "client-suites":
            context.set_ciphers("ECDHE+AESGCM:aNULL:@SECLEVEL=0")
        elif breaks == "tls-strong-suites":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
        if "certificate" in account:
            context.load_cert_chain(account["certificate"], account["key"])
        return context

    def _secure(self, connection: ProbeConnection, needs: Tree, place: Tree) -> None:
        name = place["host"]
        if self.breaks == "client-sni":
            context = self._context(needs)
            context.check_hostname = False
            connection.secure(context, None)  # type: ignore[arg-type]
            names = _names(connection)
            if name not in names:
                raise FailedError("another name")
        else:
            connection.secure(self._context(needs), name)
        if self.breaks not in ("client-authority", "client-untrusted"):
            _of_the_authority(connection)
        if self.breaks not in ("client-server-revoked", "client-untrusted", "client-authority"):
            _not_revoked(connection)

    # Reading --------------------------------------------------------------------------------------

    def _opened(self, needs: Tree, protocol: str) -> tuple[ProbeConnection, Tree]:
        place = needs[protocol]
        connection = ProbeConnection(Wire(place["address"], place["port"]), Transcript())
        self._open.append(connection)
        if place["tls"] == "implicit":
            self._secure(connection, needs, place)
        return connection, place

    def _imap(self, needs: Tree) -> ImapProbe:
        connection, place = self._opened(needs, "imap")
        imap = ImapProbe(connection)
        imap.greeting = imap.response()
        if place["tls"] == "starttls":
            offered = imap.capabilities()
            if "STARTTLS" in offered:
                imap.say("STARTTLS").reached()
                self._secure(connection, needs, place)
            elif self.breaks != "client-no-clear":
                raise FailedError("no TLS")
        imap.capabilities()
        return imap

    def _receive(self, needs: Tree) -> None:
        tries = {"client-refused-secret": "wrong-secret", "client-phone-refused": "phone-refuses",
                 "client-outage": "psc-down"}.get(self.breaks) == needs["step"]  # fmt: skip
        for number in range(INSISTS if tries else 2):
            imap = self._imap(needs)
            try:
                self._login_imap(imap, needs)
                self._read(imap, needs)
            except (CutError, FailedError) as error:
                imap.close()
                again = tries or (isinstance(error, CutError) and self.breaks != "client-reopens")
                if not again or number + 1 >= (INSISTS if tries else 2):
                    raise
                continue
            imap.say("LOGOUT")
            imap.close()
            if self.breaks == "client-code-once":
                other = self._imap(needs)
                self._login_imap(other, needs)
                other.close()
            return

    def _login_imap(self, imap: ImapProbe, needs: Tree) -> None:
        if imap.greeting.upper().startswith(b"* PREAUTH"):
            return
        if self.breaks == "client-waits" and needs["step"] == "phone-waits":
            imap.connection._pipe._socket.settimeout(0.3)  # type: ignore[attr-defined]
        answer = imap.auth(*self._proof(needs))
        if answer.kind != "OK":
            raise FailedError(str(answer))

    def _proof(self, needs: Tree) -> tuple[str, bytes]:
        account = needs["account"]
        user = account["username"]
        if "certificate" in account:
            return "EXTERNAL", user.encode()
        if self.token and account.get("token") and self.breaks != "login-token":
            return "XOAUTH2", f"user={user}\x01auth=Bearer {account['token']}\x01\x01".encode()
        return "PLAIN", f"\0{user}\0{account['password']}".encode()

    def _read(self, imap: ImapProbe, needs: Tree) -> None:
        imap.say("SELECT INBOX").reached()
        found = imap.say("UID SEARCH ALL").reached().find(rb"^\* SEARCH(.*)")
        uids = found[1].split() if found else []
        if uids and self.breaks != "client-receives":
            imap.say(b"UID FETCH " + uids[-1] + b" (BODY[])").reached()
        del needs

    # Sending --------------------------------------------------------------------------------------

    def _smtp(self, needs: Tree) -> SmtpProbe:
        connection, place = self._opened(needs, "smtp")
        smtp = SmtpProbe(connection)
        smtp.reply().reached(220)
        smtp.say("EHLO poste_1" if self.breaks == "client-ehlo" else "EHLO poste.mssante.test")
        if place["tls"] == "starttls":
            if "STARTTLS" in smtp.hello().keywords():
                smtp.say("STARTTLS").reached(220)
                self._secure(connection, needs, place)
                if self.breaks == "client-starttls-forgets":
                    return smtp
            elif self.breaks != "client-no-clear":
                raise FailedError("no TLS")
        name = "EHLO poste_1" if self.breaks == "client-ehlo" else "EHLO poste.mssante.test"
        smtp.offers = smtp.say(name).keywords()
        return smtp

    def _send(self, needs: Tree) -> None:
        if self.breaks == "client-certificate-request" and needs["step"] == "asks-certificate":
            self._smtp(needs).close()
            raise FailedError("no certificate to show")
        if self.breaks == "client-sends" and needs["step"] == "send":
            self._smtp(needs).say("QUIT")
            return
        content, asked = self._letter(needs), needs["message"]
        for again in (False, True):
            smtp = self._smtp(needs)
            reply = smtp.auth(*self._proof(needs))
            if self.breaks == "client-starttls-forgets" and reply.code == 503:
                smtp.hello()
                reply = smtp.auth(*self._proof(needs))
            if reply.code != 235:
                raise FailedError(str(reply))
            reply = self._submit(smtp, asked, content)
            if self.breaks != "client-quit":
                smtp.say("QUIT")
            smtp.close()
            if reply.good:
                return
            if reply.code >= 500 or again or self.loses(needs):
                raise FailedError(str(reply))

    def _submit(self, smtp: SmtpProbe, asked: Tree, content: bytes) -> Any:
        declared = (
            "" if content.isascii() or self.breaks == "client-eight-bit" else " BODY=8BITMIME"
        )
        smtp.say(f"MAIL FROM:<{asked['from']}>{declared}").reached(250)
        notify = " NOTIFY=SUCCESS,FAILURE" if asked.get("notify") else ""
        notify = "" if self.breaks == "client-dsn" else notify
        to = asked["to"]
        if (
            self.breaks == "client-patient-address"
            and "patient" in asked
            and "document" not in asked
        ):
            to = f"autre.{to}"
        reply = smtp.say(f"RCPT TO:<{to}>{notify}")
        if reply.refused:
            return reply
        if self.breaks == "client-accents":
            smtp.say("DATA").reached(354)
            smtp.connection.send(content.replace(b"\r\n..\r\n", b"\r\n.\r\n", 1) + b"\r\n.\r\n")
            return smtp.reply()
        return smtp.content(content)

    def _letter(self, needs: Tree) -> bytes:
        """Write the message; what it breaks is broken here."""
        breaks, asked = self.breaks, needs["message"]
        sender = asked["from"]
        subject, text = asked["subject"], asked["text"]
        message = EmailMessage(policy=WIRE.clone(max_line_length=78))
        message["From"] = sender if breaks == "client-display-name" else f"Dr_Anne_ESSAI <{sender}>"
        message["To"] = asked["to"]
        if "document" in asked:
            return self._with_document(asked)
        message["Subject"] = subject
        if breaks != "client-fields":
            message["Date"] = "Thu, 26 Nov 2026 10:00:00 +0100"
        if breaks != "client-message-id":
            word = hashlib.sha256(repr(sorted(asked.items(), key=str)).encode()).hexdigest()[:16]
            message["Message-ID"] = f"<{word}@{sender.rpartition('@')[2]}>"
        if asked.get("in_reply_to"):
            message["In-Reply-To"] = message["References"] = asked["in_reply_to"]
        if breaks != "client-nil":
            message["X-MSS-NIL"] = "DEV935997"
        if asked.get("end_of_exchange") and breaks != "client-end-of-exchange":
            message["X-MSS-MES"] = "FIN"
        charset = "iso-8859-15" if breaks == "client-text" else "utf-8"
        coding = "8bit" if breaks in ("client-eight-bit", "client-lines") else "quoted-printable"
        message.set_content(text, charset=charset, cte=coding)
        if "attachment" in asked:
            data = Path(asked["attachment"]).read_bytes()
            data = data[:-1] if breaks == "client-big" else data
            message.add_attachment(data, maintype="application", subtype="octet-stream",
                                   filename="gros.bin")  # fmt: skip
        content = message.as_bytes().rstrip(b"\r\n")
        if breaks == "client-lines" and "notify" in asked:
            content += b"\r\n" + b"x" * 1_200
        if breaks == "client-crlf" and "notify" in asked:
            content = content.replace(b"Bonjour,\r\n", b"Bonjour,\n")
        return content

    def _with_document(self, asked: Tree) -> bytes:
        """Write the message of a document about the patient given."""
        breaks, told = self.breaks, asked["patient"]
        patient = PatientIdentity(
            matricule=told["ins"], system=told["oid"], birth_name=told["birth_name"],
            first_name=told["first_name"], birth_date=date.fromisoformat(told["birth_date"]),
            sex=told["sex"],
        )  # fmt: skip
        letter = health_letter(
            sender=asked["from"], recipients=[asked["to"]], patient=patient,
            kind=document_types()["11502-2"], number=1, at=datetime.now(UTC), size=24_000,
            message_id=f"<document.{time.time_ns()}@{asked['from'].partition('@')[2]}>",
            nil="DEV935997",
        )  # fmt: skip
        message = message_from_bytes(compose(letter), policy=WIRE)
        assert isinstance(message, EmailMessage)
        if breaks == "client-subject":
            message.replace_header("Subject", "Compte rendu")
        if breaks == "client-code-cda":
            message.replace_header("X-MSS-CODECDA", "11490-0")
        if breaks == "client-header-ins":
            message.replace_header("X-MSS-INS", "N")
        for part in message.walk():
            if breaks == "client-pdf" and part.get_content_subtype() == "pdf":
                part.set_param("filename", "document.pdf", "Content-Disposition")
            if part.get_filename() == "IHE_XDM.ZIP":
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                part.set_payload(base64.encodebytes(self._archive(content, patient.matricule)))
        return message.as_bytes().rstrip(b"\r\n")

    def _archive(self, content: bytes, matricule: str) -> bytes:
        """Return an archive without its README, or with another patient in its metadata."""
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
            for each in old.namelist():
                data = old.read(each)
                if each == "README.TXT" and self.breaks == "client-xdm":
                    continue
                if each.endswith("METADATA.XML") and self.breaks == "client-ins":
                    data = data.replace(matricule.encode(), matricule[::-1].encode())
                new.writestr(each, data)
        return made.getvalue()

    # Finding the servers --------------------------------------------------------------------------

    def _discovered(self, needs: Tree) -> Tree:
        domain = needs["account"]["address"].rpartition("@")[2]
        at = needs["dns"]

        def ask(name: str, kind: str) -> list[Any]:
            query = dns.message.make_query(name, kind)
            answer = dns.query.udp(query, at["address"], 5.0, at["port"]).answer
            return [each for found in answer for each in found]

        if self.breaks == "client-discovery":
            ask(f"imap.{domain}", "A")
            raise FailedError("no such host")
        found: dict[str, Any] = {}
        for label, protocol, tls in (("imaps", "imap", "implicit"), ("imap", "imap", "starttls")):
            for each in ask(f"_{label}._tcp.{domain}", "SRV"):
                host = each.target.to_text(omit_final_dot=True)
                (address,) = ask(host, "A")
                found[protocol] = {"host": host, "address": address.address, "port": each.port,
                                   "tls": tls, "mechanisms": []}  # fmt: skip
        return found


def _leaf(connection: ProbeConnection) -> x509.Certificate:
    assert connection.certificate is not None
    return x509.load_der_x509_certificate(connection.certificate)


def _names(connection: ProbeConnection) -> list[str]:
    found = _leaf(connection).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName)


def _of_the_authority(connection: ProbeConnection) -> None:
    issuer = _leaf(connection).issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    if "ELEMENTAIRE ORGANISATIONS" not in str(issuer).upper().replace("É", "E"):
        raise FailedError(f"another authority: {issuer}")


def _not_revoked(connection: ProbeConnection) -> None:
    leaf = _leaf(connection)
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (url,) = [name.value for each in points for name in each.full_name or ()
              if isinstance(name, x509.UniformResourceIdentifier)][:1]  # fmt: skip
    crl = x509.load_der_x509_crl(httpx.get(url, trust_env=False).raise_for_status().content)
    if crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None:
        raise FailedError("revoked")
