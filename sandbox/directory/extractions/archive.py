"""Zipped extractions as streams: rows compressed as they come, never held whole."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sandbox.directory.directory import Directory
from sandbox.directory.extractions.columns import (
    ACTIVITY,
    CORRESPONDENCE,
    DIPLOMA,
    KNOW_HOW,
    Practice,
    is_professional,
    line,
    row,
)
from sandbox.directory.model import BoxType, Person
from sandbox.directory.rows import ACTIVITY_SELECT, PERSON_SELECT, activity_of, person_of

__all__ = ["Archive", "correspondence", "libre_acces"]

_BATCH = 2_000


@dataclass(frozen=True)
class Archive:
    """A zipped extraction that is made as it is read.

    Attributes:
        filename: Name of the zip, with its instant.
        members: Files inside: name, and a function that gives their lines.
        instant: When it was generated, seconds since 1970.
    """

    filename: str
    members: tuple[tuple[str, Callable[[], Iterable[str]]], ...]
    instant: int

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes of the zip, some tens of kilobytes at a time."""
        sink = _Sink()
        date = datetime.fromtimestamp(self.instant, UTC)
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, lines in self.members:
                # A fixed date and system: equal populations give equal bytes.
                info = zipfile.ZipInfo(name, date.timetuple()[:6])
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3
                with archive.open(info, "w", force_zip64=True) as member:
                    batch: list[str] = []
                    for text in lines():
                        batch.append(text)
                        if len(batch) == _BATCH:
                            member.write("".join(batch).encode())
                            batch.clear()
                            if chunk := sink.take():
                                yield chunk
                    member.write("".join(batch).encode())
                yield sink.take()
        yield sink.take()


class _Sink(io.RawIOBase):
    """What the zip writer writes to: it cannot go back, and is emptied as it fills."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        before = len(self._buffer)
        self._buffer += memoryview(data)  # type: ignore[arg-type]  # zipfile gives buffers; the base class says object
        return len(self._buffer) - before

    def take(self) -> bytes:
        chunk = bytes(self._buffer)
        self._buffer.clear()
        return chunk


def _stamp(directory: Directory) -> tuple[int, str]:
    """Return when the extraction was generated: earlier than now when the view lags."""
    lag = directory.lags.extraction
    instant = directory.now() - max(lag.creations, lag.removals if lag.creations else 0)
    return instant, datetime.fromtimestamp(instant, UTC).strftime("%Y%m%d%H%M")


def correspondence(directory: Directory) -> Archive:
    """Return Extraction_Correspondance_MSSante: PER and ORG mailboxes, red list left out.

    APP is absent from the real file (domain.md §6.1), CAB too.
    """

    def lines() -> Iterator[str]:
        yield line(CORRESPONDENCE)
        for box in directory.published("extraction"):
            if box.type in {BoxType.PER, BoxType.ORG}:
                yield line(row(CORRESPONDENCE, box))

    instant, stamp = _stamp(directory)
    name = f"Extraction_Correspondance_MSSante_{stamp}"
    return Archive(f"{name}.zip", ((f"{name}.txt", lines),), instant)


def libre_acces(directory: Directory) -> Archive:
    """Return PS_LibreAcces: activities, diplomas and know-how of professionals."""

    def activities() -> Iterator[str]:
        yield line(ACTIVITY, trailing=True)
        for found in directory.connection().execute(f"{ACTIVITY_SELECT} ORDER BY a.id"):
            mode, person, structure = activity_of(found)
            if is_professional(person):
                parent = structure.parent[1:] if structure.parent[:1] == "1" else ""
                yield line(row(ACTIVITY, Practice(person, structure, parent, mode)), trailing=True)

    def people(
        columns: dict[str, Callable[[Person], str]], listed: Callable[[Person], bool]
    ) -> Iterator[str]:
        yield line(columns, trailing=True)
        for found in directory.connection().execute(f"{PERSON_SELECT} ORDER BY p.id"):
            person = person_of(found)
            if listed(person):
                yield line(row(columns, person), trailing=True)

    instant, stamp = _stamp(directory)
    members: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("Personne_activite", activities),
        ("Dipl_AutExerc", partial(people, DIPLOMA, is_professional)),
        ("SavoirFaire", partial(people, KNOW_HOW, lambda person: bool(person.specialty_code))),
    )
    return Archive(
        f"PS_LibreAcces_{stamp}.zip",
        tuple((f"PS_LibreAcces_{name}_{stamp}.txt", lines) for name, lines in members),
        instant,
    )
