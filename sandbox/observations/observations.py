"""What one run of one design observed, as tables: the same whether simulated or measured live."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["MEASURES", "NAMED_OPERATORS", "TABLES", "Observations", "table", "table_of"]

MEASURES = ("machine", "user")
NAMED_OPERATORS = 10  # with histograms of their own; the others share one

# Every table, its columns and what they are. Durations are seconds.
TABLES: dict[str, dict[str, str]] = {
    "logins": {
        "protocol": "imap or smtp",
        "method": "authentication method",
        "operator": "name, or 'others' beyond the ten largest",
        "measure": "machine: without the person's time; user: whole wait of a person",
        "seconds": "middle of the bin (within 0.8 % of what is in it)",
        "count": "logins",
    },
    "login_totals": {
        "protocol": "imap or smtp",
        "method": "authentication method",
        "operator": "name",
        "measure": "machine or user",
        "count": "logins",
        "total_seconds": "sum",
    },
    "phases": {
        "protocol": "imap or smtp",
        "method": "authentication method",
        "phase": "network, slot, tls, sasl, backend or person",
        "seconds": "middle of the bin; logins without that phase are not counted",
        "count": "logins",
    },
    "phase_totals": {
        "protocol": "imap or smtp",
        "method": "authentication method",
        "phase": "as above",
        "total_seconds": "sum over successful logins",
    },
    "deliveries": {"seconds": "age at delivery, from acceptance (bin middle)", "count": "messages"},
    "sessions": {
        "protocol": "imap, smtp or relay",
        "method": "authentication method, empty for relay and where nobody logged in",
        "sessions": "sessions started",
    },
    "failures": {
        "protocol": "imap, smtp or relay",
        "method": "authentication method, empty for relay and where none can be told",
        "cause": "see observations.schema.Cause",
        "count": "failures",
    },
    "endpoints": {
        "operator": "name",
        "endpoint": "name within the design",
        "host": "FQDN",
        "port": "TCP port",
        "sessions": "connections that took a slot",
        "peak_connections": "most at once",
        "peak_per_second": "most taken within one second",
        "refused": "backlog full",
        "abandoned": "left the backlog at the client's time-out",
        "slots": "slots of the pool that it uses, alone or with other endpoints",
        "slots_used_peak": "most slots of that pool in use at once",
        "utilisation": "of its processors, whole period",
        "utilisation_peak": "work begun in the busiest minute over its capacity; above 1: a queue",
    },
    "backends": {
        "backend": "psc, sms or directory",
        "served": "requests",
        "waited": "requests that queued",
        "wait_seconds": "mean wait",
        "utilisation": "whole period",
        "utilisation_peak": "busiest minute",
    },
    "load": {
        "endpoint": "name within the design, all operators together",
        "minute": "of the period",
        "sessions": "connections taken in the minute",
        "connections": "most at once in the minute",
    },
}


def table(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of TABLES with that name; `columns` are all of its columns, in order."""
    frame = pd.DataFrame(dict(columns))
    assert list(frame.columns) == list(TABLES[name]), name
    return frame


def table_of(name: str, rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Return the table of TABLES with that name, from its rows."""
    found = list(rows)
    columns = list(zip(*found, strict=True)) or [()] * len(TABLES[name])
    return table(name, dict(zip(TABLES[name], map(list, columns), strict=True)))


@dataclass(frozen=True, slots=True)
class Observations:
    """One replication of one design.

    Attributes:
        about: scenario, design, engine, seed, replication, scale, wall_seconds, peak_rss_bytes...
        tables: the tables of TABLES, by name.
    """

    about: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    def write(self, folder: Path) -> None:
        """Write all tables as Parquet into `folder`, whole or not at all."""
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, frame in self.tables.items():
            table = pa.Table.from_pandas(frame, preserve_index=False)
            pq.write_table(table, partial / f"{name}.parquet", compression="zstd")
        text = json.dumps(dict(self.about), ensure_ascii=False, sort_keys=True, indent=1)
        (partial / "about.json").write_text(text, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    @classmethod
    def read(cls, folder: Path) -> Observations:
        """Read what `write` wrote.

        Raises:
            OSError, ValueError: the folder is not complete.
        """
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        tables = {name: pq.read_table(folder / f"{name}.parquet").to_pandas() for name in TABLES}
        return cls(about, tables)
