"""The emulator's TLS certificates: its own small authority, or the IGC-Santé test CA."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.space.errors import UserError
from sandbox.trust.authority import TestCA
from sandbox.trust.identity import Organisation

__all__ = ["TlsFiles", "client_certificate", "files_from_authority", "make_tls_files"]

# Fictitious: department 11 with a number that no structure has, its Luhn key right.
ORGANISATION = Organisation(name="PRO SANTE CONNECT DE TEST", department="Aude (11)",
                            finess="119999993")  # fmt: skip
NAMES = ("localhost", "psc.mssante.test", "auth.psc.mssante.test", "wallet.psc.mssante.test")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: server chain and key, the CA that made them, the CA's own key if ours."""

    chain: Path
    key: Path
    ca: Path
    ca_key: Path | None


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=365))
        .add_extension(identifier, critical=False)
        .add_extension(authority, critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, hashes.SHA256())


def _usage(*, sign: bool, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def make_tls_files(folder: Path) -> TlsFiles:
    """Make a CA and a server certificate in `folder`, or return those that are there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = TlsFiles(
        folder / "server.pem", folder / "server.key", folder / "ca.pem", folder / "ca.key"
    )
    paths = (files.chain, files.key, files.ca, folder / "ca.key")
    if all(path.exists() for path in paths):
        certificate = x509.load_pem_x509_certificate(files.chain.read_bytes())
        if certificate.not_valid_after_utc > dt.datetime.now(dt.UTC) + dt.timedelta(days=1):
            return files
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mssante-sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, "PSC emulator test CA"),
        ]
    )
    ca = _certificate(
        ca_name,
        ca_key.public_key(),
        ca_name,
        ca_key,
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(sign=False, ca=True), True),
        ],
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    server = _certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "psc.mssante.test")]),
        key.public_key(),
        ca_name,
        ca_key,
        [
            (x509.SubjectAlternativeName(names), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(sign=True, ca=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ],
    )
    pem = serialization.Encoding.PEM
    _write(files.chain, server.public_bytes(pem) + ca.public_bytes(pem), 0o644)
    _write(files.key, _pem(key), 0o600)
    _write(files.ca, ca.public_bytes(pem), 0o644)
    assert files.ca_key is not None
    _write(files.ca_key, _pem(ca_key), 0o600)
    return files


def files_from_authority(pki: Path, folder: Path, host_name: str) -> TlsFiles:
    """Have the test IGC-Santé in `pki` certify this server; write the files into `folder`.

    Raises:
        UserError: there is no authority in that folder.
    """
    if not (pki / "ca.json").exists():
        raise UserError(f"{pki}: no authority there; found one with mss-sandbox pki init")
    authority = TestCA.open(pki)
    names = list(dict.fromkeys((host_name, *NAMES)))
    issued = authority.endpoint_server(ORGANISATION, names, ["127.0.0.1"])
    issued.save(folder)
    _write(folder / "ca.pem", authority.bundle_pem(), 0o644)
    return TlsFiles(folder / "chain.pem", folder / "key.pem", folder / "ca.pem", None)


def client_certificate(files: TlsFiles, common_name: str, folder: Path) -> tuple[Path, Path]:
    """Issue a client certificate from the emulator's CA; return its PEM files (chain, key)."""
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    if files.ca_key is None:
        raise UserError(
            f"{files.ca}: this authority issues its own client certificates (pki issue)"
        )
    signer = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]),
        key.public_key(),
        ca.subject,
        signer,
        [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(sign=True, ca=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        ],
    )
    chain, key_path = folder / f"{common_name}.pem", folder / f"{common_name}.key"
    _write(chain, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(key_path, _pem(key), 0o600)
    return chain, key_path
