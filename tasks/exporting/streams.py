"""Files of many JSON values, written one value at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from tasks import exact_json
from tasks.exporting.folder import ExportFolder


def json_text(value: Any) -> str:
    """As `json.dumps` writes it, with decimals that no double holds as they were written."""
    if exact_json.is_plain(value):
        return json.dumps(value)
    return exact_json.text_of(value, ", ", ": ", ascii_only=True)


class _JsonLines:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, value: Any) -> None:
        self._stream.write(json_text(value) + "\n")

    def end(self) -> None:
        """A file of lines needs no end."""


class _JsonArray:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._opening = "[\n"

    def write(self, value: Any) -> None:
        self._stream.write(self._opening + json_text(value))
        self._opening = ",\n"

    def end(self) -> None:
        self._stream.write("[]\n" if self._opening == "[\n" else "\n]\n")


class Streams:
    """Files opened when the first value for them comes; a name ending in `.jsonl` is a file of lines.

    All text is ASCII, so that readers need not know of encodings.
    """

    def __init__(self, folder: ExportFolder, files: ExitStack) -> None:
        self._folder = folder
        self._files = files
        self._open: dict[str, _JsonLines | _JsonArray] = {}

    def write(self, name: str, value: Any) -> None:
        if name not in self._open:
            stream = self._files.enter_context(self._folder.file(name).open("w", encoding="ascii"))
            self._open[name] = (_JsonLines if name.endswith(".jsonl") else _JsonArray)(stream)
            self._folder.written[name] = 0
        self._open[name].write(value)
        self._folder.written[name] += 1

    def end(self) -> None:
        for stream in self._open.values():
            stream.end()


@contextmanager
def json_streams(folder: ExportFolder) -> Iterator[Streams]:
    """JSON files in the folder, complete when the block is left."""
    with ExitStack() as files:
        streams = Streams(folder, files)
        yield streams
        streams.end()


class TabbedFiles:
    """Files of tab-separated values, quoted as pandas does; opened when the first row for them comes."""

    def __init__(self, folder: ExportFolder, files: ExitStack) -> None:
        self._folder = folder
        self._files = files
        self._open: dict[str, Any] = {}

    def write(self, name: str, *row: object, header: tuple[str, ...] = ()) -> None:
        if name not in self._open:
            path = self._folder.file(name)
            stream = self._files.enter_context(path.open("w", encoding="utf-8", newline=""))
            self._open[name] = csv.writer(stream, delimiter="\t", lineterminator="\n")
            if header:
                self._open[name].writerow(header)
            self._folder.written[name] = 0
        self._open[name].writerow(row)
        self._folder.written[name] += 1


@contextmanager
def tabbed_files(folder: ExportFolder) -> Iterator[TabbedFiles]:
    with ExitStack() as files:
        yield TabbedFiles(folder, files)
