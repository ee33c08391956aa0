"""Where the files of a ToolBench source are: a `tools/` folder, a folder of query files, or one query file.

A *place* names a file within its source: the path below `location`, with the name of its last folder in
front.  Nothing but places enters an id or a table, so that no path of a machine does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UsageError

EXPECTED = (
    "give `location` in `[[catalogue.sources]]` a folder that holds tools/<Category>/<tool>.json, or a file "
    "or folder of ToolBench queries (JSON lists, or JSON lines, whose entries have an `api_list`)"
)

# As ToolBench's archive has them, below `data/`.
_TOOL_FOLDERS = ("tools", "toolenv/tools")
_QUERY_FOLDERS = ("instruction", "test_instruction")
_EXAMPLES = "response_examples"


@dataclass(frozen=True, slots=True)
class File:
    """A file to read, and the place that names it."""

    place: str
    path: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Either tool files or query files, sorted by place.  examples: the `response_examples` folder."""

    location: Path
    tools: tuple[File, ...] = ()
    queries: tuple[File, ...] = ()
    examples: Path | None = None

    def example_of(self, tool: File) -> File | None:
        """The file with the response examples of a tool, when there is one."""
        if self.examples is None:
            return None
        path = self.examples / tool.path.parent.name / tool.path.name
        place = f"{_EXAMPLES}/{_decodable(path.parent.name)}/{_decodable(path.name)}"
        return File(place, path) if path.exists() else None


def find_layout(location: Path) -> Layout:
    """Raises `UsageError` when there is nothing of the kind at `location`."""
    path = location.expanduser()
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return Layout(path, queries=(File(_decodable(path.name), path),))
    except OSError as error:
        raise unusable(location, f"cannot be read: {error.strerror}") from error
    raise unusable(location, "is neither a file nor a folder" if path.exists() else "does not exist")


def unusable(location: Path, what: str) -> UsageError:
    return UsageError(f"the toolbench source {str(location)!r} {what}", fix=EXPECTED)


def _in_folder(folder: Path) -> Layout:
    for name in _TOOL_FOLDERS:
        if (folder / name).is_dir():
            return _of_tools(folder, folder / name)
    queries = _json_files(folder, ".jsonl") or [
        path
        for name in _QUERY_FOLDERS
        if (folder / name).is_dir()
        for path in _json_files(folder / name, ".jsonl")
    ]
    if queries:
        return Layout(folder, queries=_files(folder, queries))
    return _of_tools(folder, folder)


def _of_tools(location: Path, folder: Path) -> Layout:
    found = [
        path for category in sorted(folder.iterdir()) if category.is_dir() for path in _json_files(category)
    ]
    if not found:
        raise unusable(location, "holds neither tool files (*.json) nor query files (*.json, *.jsonl)")
    examples = folder.parent / _EXAMPLES
    return Layout(location, tools=_files(location, found), examples=examples if examples.is_dir() else None)


def _json_files(folder: Path, *also: str) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in {".json", *also} and not path.name.startswith(".") and not path.is_dir()
    ]


def _files(location: Path, paths: Iterable[Path]) -> tuple[File, ...]:
    name = location.resolve().name
    found = (File(_decodable(f"{name}/{path.relative_to(location).as_posix()}"), path) for path in paths)
    return tuple(sorted(found, key=lambda file: file.place))


def _decodable(name: str) -> str:
    """Names of files may hold bytes that are no text."""
    return name.encode(errors="replace").decode()


def all_files(layout: Layout) -> Iterator[File]:
    """Every file the rows may depend on."""
    yield from (*layout.tools, *layout.queries)
    yield from (example for tool in layout.tools if (example := layout.example_of(tool)) is not None)
