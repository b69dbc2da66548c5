"""TLS: versions, suites, the server's certificate, and what is said before TLS."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.conformance.bench import Bench
from sandbox.conformance.checks.register import check, clients, starttls
from sandbox.conformance.connection import CutError, SilentError, TlsRefusedError, UnreachableError
from sandbox.conformance.findings import NotHere, NotMet, Unsure
from sandbox.conformance.imap import ImapProbe
from sandbox.conformance.smtp import SmtpProbe
from sandbox.conformance.subject import CheckedDoor

__all__: list[str] = []

# No forward secrecy, no authentication, no encryption, or broken: none of them in ANSSI's guide.
WEAK = "kRSA:aNULL:eNULL:3DES:RC4:MD5:PSK:SRP:@SECLEVEL=0"
RSA_BITS, EC_BITS = 2048, 256


def _settled(bench: Bench, door: CheckedDoor, context: ssl.SSLContext) -> str | None:
    """Return what was settled, None where the handshake failed."""
    try:
        connection = bench.tls(door, context)
    except (TlsRefusedError, CutError):
        return None
    return connection.settled


@check("tls-old-versions", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    context = bench.anyone(door)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # which is why they are tried
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    except (ssl.SSLError, ValueError):
        raise Unsure("TLS 1.1 absent d'ici", "this machine has no TLS 1.1") from None
    try:
        settled = bench.tls(door, context).settled
    except TlsRefusedError as error:
        if "NO_PROTOCOLS" in str(error) or "NO_CIPHERS" in str(error):
            raise Unsure("TLS 1.1 absent d'ici", "this machine has no TLS 1.1") from None
        return
    except CutError:
        return
    raise NotMet(f"version ancienne acceptée ({settled})", f"old version taken ({settled})")


@check("tls-weak-suites", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    context = bench.anyone(door)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(WEAK)
    except ssl.SSLError:
        raise Unsure("suites absentes d'ici", "this machine has none of them") from None
    settled = _settled(bench, door, context)
    if settled is not None:
        raise NotMet(f"suite faible acceptée ({settled})", f"weak suite taken ({settled})")


@check("tls-strong-suites", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    context = bench.anyone(door)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    try:
        bench.tls(door, context)
    except TlsRefusedError as error:
        raise NotMet(f"aucune suite ECDHE avec AEAD en TLS 1.2 ({error})",
                   f"no ECDHE suite with AEAD in TLS 1.2 ({error})") from None  # fmt: skip


@check("tls-chain", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    try:
        bench.tls(door, bench.trusting())
    except TlsRefusedError as error:
        if "expired" in str(error) or "not yet valid" in str(error):
            raise NotHere("voir tls-validity", "see tls-validity") from None
        if "purpose" in str(error) or "too weak" in str(error):
            raise NotHere("voir tls-purpose, tls-key", "see tls-purpose, tls-key") from None
        raise NotMet(f"la chaîne ne mène pas aux racines ({error})",
                   f"the chain does not lead to the roots ({error})") from None  # fmt: skip


def _certificate(bench: Bench, door: CheckedDoor) -> x509.Certificate:
    data = bench.tls(door, bench.showing(bench.usual(door))).certificate
    if data is None:
        raise Unsure("aucun certificat", "no certificate")
    return x509.load_der_x509_certificate(data)


@check("tls-name", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    certificate = _certificate(bench, door)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        found = []
    wild = "*." + door.host.partition(".")[2]
    if not {door.host.lower(), wild.lower()} & {each.lower() for each in found}:
        listed = ", ".join(found[:4]) or "-"
        raise NotMet(f"{door.host} absent des noms du certificat ({listed})",
                   f"{door.host} not among the certificate's names ({listed})")  # fmt: skip


@check("tls-validity", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    certificate = _certificate(bench, door)
    now = datetime.fromtimestamp(bench.lab.now(), UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= now <= end:
        raise NotMet(f"valable du {begin:%d/%m/%Y} au {end:%d/%m/%Y}",
                   f"valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}")  # fmt: skip


@check("tls-purpose", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    certificate = _certificate(bench, door)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise NotMet("usage étendu sans serverAuth", "extended key usage without serverAuth")


@check("tls-key", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    key = _certificate(bench, door).public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
        raise NotMet(f"RSA de {key.key_size} bits", f"RSA of {key.key_size} bits")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < EC_BITS:
        raise NotMet(f"courbe de {key.key_size} bits", f"curve of {key.key_size} bits")


@check("tls-not-revoked", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    certificate = _certificate(bench, door)
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        raise Unsure("pas de CRL nommée", "no CRL is named") from None
    urls = [name.value for point in points for name in point.full_name or ()]
    try:
        data = bench.lab.fetch(urls[0])
    except (UnreachableError, IndexError) as error:
        raise Unsure(f"CRL inaccessible ({error})", f"CRL out of reach ({error})") from None
    try:
        load = x509.load_pem_x509_crl if data.startswith(b"-----") else x509.load_der_x509_crl
        crl = load(data)
    except ValueError:
        raise Unsure("CRL illisible", "CRL not readable") from None
    if crl.issuer != certificate.issuer:
        raise Unsure("CRL d'une autre autorité", "CRL of another authority")
    if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
        raise NotMet("le certificat du serveur est révoqué", "the server's certificate is revoked")


@check("tls-implicit", clients)
def _(bench: Bench, door: CheckedDoor) -> None:
    if door.tls != "implicit":
        raise NotHere("STARTTLS", "STARTTLS")
    connection = bench.clear(door, seconds=3.0)
    connection.send(b"a CAPABILITY\r\n" if door.protocol == "imap" else b"EHLO x\r\n")
    try:
        line = connection.line()
    except (CutError, SilentError, TlsRefusedError):
        return
    if line.startswith((b"* ", b"a OK", b"220", b"250")):
        raise NotMet("le serveur parle en clair", "the server speaks in clear")


# Before TLS, where a door begins in clear. Nobody's password is ever sent there.


@check("smtp-auth-not-offered-in-clear", starttls("smtp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = bench.smtp_in_clear(door)
    if "AUTH" in smtp.offers:
        raise NotMet("AUTH annoncé avant TLS", "AUTH offered before TLS")


@check("smtp-auth-refused-in-clear", starttls("smtp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    reply = bench.smtp_in_clear(door).say("AUTH PLAIN")
    if reply.good:
        raise NotMet(f"secret demandé en clair : « {reply} »", f'a secret asked for: "{reply}"')


@check("smtp-mail-refused-in-clear", starttls("smtp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    address = bench.subject.accounts[0].address
    smtp = bench.smtp_in_clear(door)
    reply = smtp.say(f"MAIL FROM:<{address}>")
    if reply.good and (reply := smtp.say(f"RCPT TO:<{address}>")).good:
        raise NotMet("message accepté en clair", "a message is taken in clear")


@check("imap-login-disabled-in-clear", starttls("imap"))
def _(bench: Bench, door: CheckedDoor) -> None:
    offers = bench.imap_in_clear(door).capabilities()
    secrets = {"AUTH=PLAIN", "AUTH=LOGIN", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER"} & offers
    if "LOGINDISABLED" not in offers or secrets:
        raise NotMet("LOGINDISABLED absent, ou secret offert en clair",
                   "no LOGINDISABLED, or secrets offered in clear")  # fmt: skip


@check("imap-auth-refused-in-clear", starttls("imap"))
def _(bench: Bench, door: CheckedDoor) -> None:
    imap = bench.imap_in_clear(door)
    for command in ("AUTHENTICATE PLAIN", "LOGIN nobody@example.test nothing"):
        answer = imap.say(command)
        if answer.kind in ("+", "OK") or answer.code == "AUTHENTICATIONFAILED":
            raise NotMet(f"{command.split()[0]} servi en clair", f"{command.split()[0]} in clear")


# STARTTLS.


@check("smtp-starttls-offered", starttls("smtp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    if "STARTTLS" not in bench.smtp_in_clear(door).offers:
        raise NotMet("STARTTLS non annoncé", "STARTTLS not offered")


@check("imap-starttls-offered", starttls("imap"))
def _(bench: Bench, door: CheckedDoor) -> None:
    if "STARTTLS" not in bench.imap_in_clear(door).capabilities():
        raise NotMet("STARTTLS non annoncé", "STARTTLS not offered")


@check("smtp-starttls-injection", starttls("smtp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = bench.smtp_in_clear(door)
    smtp.put("STARTTLS\r\nEHLO injected.mssante.test")
    try:
        if smtp.reply().code != 220:
            return
        smtp.connection.secure(bench.showing(bench.usual(door)), door.host)
        smtp.put("QUIT")
        reply = smtp.reply()
    except (CutError, SilentError, TlsRefusedError):
        return
    if reply.code != 221:
        raise NotMet(
            f"commande injectée exécutée : « {reply} »", f'injected command run: "{reply}"'
        )


@check("imap-starttls-injection", starttls("imap"))
def _(bench: Bench, door: CheckedDoor) -> None:
    imap = bench.imap_in_clear(door)
    try:
        answer = imap.say(b"STARTTLS\r\ninjected CAPABILITY")
        if answer.kind != "OK":
            return
        imap.connection.secure(bench.showing(bench.usual(door)), door.host)
        answer = imap.say("LOGOUT")
    except (CutError, SilentError, TlsRefusedError):
        return
    if any(each.startswith(b"injected ") for each in answer.data):
        raise NotMet("commande injectée exécutée", "injected command run")


@check("smtp-starttls-once", starttls("smtp"))
def _(bench: Bench, door: CheckedDoor) -> None:
    smtp = SmtpProbe(bench.tls(door, bench.showing(bench.usual(door))))
    if "STARTTLS" in smtp.hello().reached().keywords():
        raise NotMet("STARTTLS encore annoncé sous TLS", "STARTTLS still offered within TLS")


@check("imap-starttls-once", starttls("imap"))
def _(bench: Bench, door: CheckedDoor) -> None:
    imap = ImapProbe(bench.tls(door, bench.showing(bench.usual(door))))
    if "STARTTLS" in imap.capabilities():
        raise NotMet("STARTTLS encore annoncé sous TLS", "STARTTLS still offered within TLS")
