"""Rows into files, some at a time: CSV, JSON lines, and Parquet through pyarrow."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pbt.errors import SettingsError
from pbt.exports.columns import REAL, REALS, TEXT, TRUTH, WHOLE, Column
from pbt.population.entries import number


class Sink(Protocol):
    """A file that is written row by row, and is there as a whole once it is done."""

    def write(self, rows: Sequence[Any]) -> None:
        """Add rows."""

    def done(self) -> None:
        """Close the file and give it its name."""

    def drop(self) -> None:
        """Leave nothing behind."""


class _Aside:
    """A file under another name until it is whole; a subclass opens `_stream` there."""

    _stream: Any

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._path = path
        self._aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._columns = columns

    def done(self) -> None:
        """See `Sink`."""
        self._stream.close()
        self._aside.replace(self._path)

    def drop(self) -> None:
        """See `Sink`."""
        self._stream.close()
        with suppress(OSError):
            self._aside.unlink(missing_ok=True)


class CSV(_Aside):
    """A header with the columns' names; a value that is missing is empty, a truth true or false, a list JSON."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        super().__init__(path, columns)
        self._stream = self._aside.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream)
        self._writer.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Any]) -> None:
        """See `Sink`."""
        self._writer.writerows([[_cell(column, column.of(row)) for column in self._columns] for row in rows])


def _cell(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.kind == TRUTH:
        return "true" if value else "false"
    if column.kind == REALS:
        return json.dumps([number(x) for x in value])
    return value if isinstance(value, str) else repr(value)


class JSONLines(_Aside):
    """An object a line; its values are those of the columns by their names, without those that are missing."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        super().__init__(path, columns)
        self._stream = self._aside.open("wb")
        self._encode = msgspec.json.Encoder().encode

    def write(self, rows: Sequence[Any]) -> None:
        """See `Sink`."""
        for row in rows:
            values = {c.name: _plain(c, value) for c in self._columns if (value := c.of(row)) is not None}
            self._stream.write(self._encode(values) + b"\n")


def _plain(column: Column, value: Any) -> Any:
    if column.kind == REAL:
        return number(float(value))
    return [number(x) for x in value] if column.kind == REALS else value


class Parquet(_Aside):
    """A column for each, in groups of rows, compressed.

    Raises:
        SettingsError: pyarrow is not installed.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise SettingsError("Parquet needs pyarrow: pip install 'pbtrain[parquet]'") from None
        kinds = {
            TRUTH: pyarrow.bool_(), WHOLE: pyarrow.int64(), REAL: pyarrow.float64(), TEXT: pyarrow.string(),
            REALS: pyarrow.list_(pyarrow.float64()),
        }  # fmt: skip
        self._arrow: Any = pyarrow
        super().__init__(path, columns)
        self._schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in columns])
        self._stream = parquet.ParquetWriter(self._aside, self._schema, compression="zstd")

    def write(self, rows: Sequence[Any]) -> None:
        """See `Sink`."""
        if rows:
            arrays = [
                self._arrow.array([column.of(row) for row in rows], type=field.type)
                for column, field in zip(self._columns, self._schema, strict=True)
            ]
            self._stream.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))


FORMATS: dict[str, Any] = {"parquet": Parquet, "csv": CSV, "jsonl": JSONLines}
"""By their names, which are the ends of files too."""
