"""Messages to check: a good one, and what is done to it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache

from sandbox.messages.compose import ARCHIVE, Draft, compose, health_letter
from sandbox.messages.documents import document_types
from sandbox.messages.ins import PatientIdentity
from sandbox.messages.patients import patient

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
SENDER, RECIPIENT = "labo@bio.mssante.test", "paul@cabinet.mssante.test"
PATIENT = patient(1, 1)
DOCUMENT = "IHE_XDM/SUBSET01/DOC00001.XML"
METADATA = "IHE_XDM/SUBSET01/METADATA.XML"


@cache
def letter(
    identity: PatientIdentity = PATIENT, recipient: str = RECIPIENT, **values: object
) -> Draft:
    return health_letter(
        sender=SENDER,
        recipients=[recipient],
        patient=identity,
        kind=document_types()["11502-2"],
        number=7,
        at=AT,
        size=24_000,
        message_id="<7@bio.mssante.test>",
        **values,  # type: ignore[arg-type]
    )


@cache
def good(
    identity: PatientIdentity = PATIENT, recipient: str = RECIPIENT, **values: object
) -> bytes:
    """Return a message that keeps every rule."""
    return compose(letter(identity, recipient, **values))


def delivered(content: bytes, path: str = SENDER) -> bytes:
    return f"Return-Path: <{path}>\r\n".encode() + content


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


def archive_of(content: bytes) -> bytes:
    for part in parsed(content).walk():
        if part.get_filename() == ARCHIVE:
            found = part.get_content()
            assert isinstance(found, bytes)
            return found
    raise AssertionError("no archive")


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive_of(content))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def with_archive(archive: bytes, content: bytes | None = None) -> bytes:
    """Return the good message with another archive."""
    message = parsed(content or good())
    for part in message.walk():
        if part.get_filename() == ARCHIVE:
            part.set_content(archive, maintype="application", subtype="zip", filename=ARCHIVE)
    return message.as_bytes()


def with_files(change: Callable[[dict[str, bytes]], object]) -> bytes:
    files = files_of(good())
    change(files)
    return with_archive(zipped(files))


def with_header(name: str, value: str | None) -> bytes:
    message = parsed(good())
    del message[name]
    if value is not None:
        message[name] = value
    return message.as_bytes()


def whole(identity: PatientIdentity = PATIENT) -> PatientIdentity:
    """Return a patient as if his matricule were not one of tests."""
    return replace(identity, system="1.2.250.1.213.1.4.8")
