"""Which batches are under way, kept on disk before anybody waits for them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.errors import UsageError
from warehouse.files import put


def batches_of(data: Path) -> Path:
    """The folder of the records in a data folder."""
    return data / "store" / "batches"


class Entry(BaseModel):
    """A request of a batch.  key: in the reply store, in hexadecimal.  tokens_in, tokens_out: at worst."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    stage: str
    row_id: str
    ordinal: int
    tokens_in: int
    tokens_out: int


class Record(BaseModel):
    """A batch under way.

    mark: by which the endpoint knows it too, should its id be lost.  where: the endpoint.  batch_id: None
    until it was created.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mark: str
    where: str
    input_file_id: str
    batch_id: str | None = None
    entries: tuple[Entry, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(entry.key for entry in self.entries)

    def booking(self, key: str) -> str:
        """The name of that request's booking in the spending log."""
        return f"{self.mark}.{key}"


class Records:
    """One file a batch, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, record: Record) -> None:
        put(self._path(record), record.model_dump_json().encode())

    def remove(self, record: Record) -> None:
        self._path(record).unlink(missing_ok=True)

    def all(self) -> list[Record]:
        """Raises `UsageError` for one that cannot be read."""
        return [_read(path) for path in sorted(self._folder.glob("[!.]*.json"))]

    def _path(self, record: Record) -> Path:
        return self._folder / f"{record.mark}.json"


def _read(path: Path) -> Record:
    fix = "remove it: what that batch brought is then asked for again"
    try:
        record = Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{path} is damaged: {error}", fix=fix) from error
    if record.mark != path.stem:  # which names the file that is written and removed
        raise UsageError(f"{path} is damaged: it says that it is {record.mark!r}", fix=fix)
    return record
