"""Which files of a folder hold answers of ToolBench: by the folder's and the file's own name."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UsageError

# G1_answer; G1_tool_answer as we export, and G1_tool as test sets are called.
_FOLDER = re.compile(r"(G[123])(?:_(instruction|tool|category))?(_answer)?")
_METHOD = r"DFS_woFilter_w\d{1,4}|DFS_w\d{1,4}|CoT@\w{1,16}"
_FILE = re.compile(rf"(\d{{1,18}})(?:_(.*?))??(?:_({_METHOD}))?\.json")
_QUERIES = re.compile(r"(G[123])_query\.json")
# G1_instruction.json, and with a name before or behind.
_SET = re.compile(r"(?:(.+?)[._-])??(G[123])_(train|instruction|tool|category)(?:[._-](.+))?\.json")
_EXPECTED = (
    "give a folder that holds answers, G1_answer/<query id>_<method>.json, or converted answers, "
    "<model>/G1_instruction.json; or one file of converted answers whose name says its set, as in "
    "<model>.G1_instruction.json"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """An answer file.  place: relative to the folder given.  split: train, or the test level of its set.

    method: ToolBench's name of it, None when the file's name has none; model: what stands before it, else the
    name of the folder that holds the test sets of a model.
    """

    path: Path
    place: str
    scenario: str
    split: str
    query_id: int
    model: str
    method: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFile:
    """A file of queries.  place: relative to the folder given."""

    path: Path
    place: str
    scenario: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFile:
    """A file about a test set: what it holds, only its content says.

    model: of converted answers: what the file's name says before or behind the set, else the folder's name.
    named: what stands behind the set, as the model in the name of a file of results.
    """

    path: Path
    place: str
    scenario: str
    split: str
    model: str
    named: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What there is to import in a folder and below it, or the one file, in the order of the places.

    elsewhere: places of files that are called like answers, in folders that do not say of which set they are.
    refused: places of what is called like something to read and is none, with the reason: nothing but regular
    files below the root is read.
    """

    root: Path
    answers: tuple[AnswerFile, ...]
    sets: tuple[SetFile, ...]
    queries: tuple[QueryFile, ...]
    elsewhere: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def read(self) -> Iterator[tuple[str, Path]]:
        """Every file that rows may depend on, by what says what it is."""
        of_root = [self.root.resolve().name, self.root.resolve().parent.name]
        for kind in (self.answers, self.sets, self.queries):
            yield from ((f"{of_root}/{file.place}", file.path) for file in kind)
        yield from ((f"{of_root}/{place}", self.root / place) for place in self.elsewhere)


def find_answers(root: Path) -> Answers:
    """Raises `UsageError` when there are none."""
    if not root.is_dir() and not root.is_file():
        raise UsageError(f"{root} is not there", fix=_EXPECTED)
    at = root if root.is_dir() else root.parent
    answers, sets, queries, elsewhere = [], [], [], []
    paths, refused = _sifted(at, sorted(root.rglob("*.json")) if root.is_dir() else [root])
    for path in paths:
        place = _text(path.relative_to(at).as_posix())
        if (asked := _QUERIES.fullmatch(path.name)) is not None:
            queries.append(QueryFile(path=path, place=place, scenario=asked[1]))
        elif (of_set := _SET.fullmatch(path.name)) is not None:
            sets.append(_set_file(path, place, of_set))
        elif (named := _FILE.fullmatch(path.name)) is not None:
            folder = _FOLDER.fullmatch(path.parent.resolve().name)
            if folder is None:
                elsewhere.append(place)
            else:
                answers.append(_answer_file(path, place, folder, named))
    if not answers and not sets and not refused:
        what = (
            f"no answer of ToolBench in {root}" if root.is_dir() else f"{root.name} names no set of queries"
        )
        raise UsageError(what, fix=_EXPECTED)
    return Answers(
        root=at,
        answers=tuple(answers),
        sets=tuple(sets),
        queries=tuple(queries),
        elsewhere=tuple(elsewhere),
        refused=refused,
    )


def _sifted(root: Path, paths: Sequence[Path]) -> tuple[list[Path], tuple[tuple[str, str], ...]]:
    """Those that can be read; and what is called like one of them and is none, with the reason."""
    inside = root.resolve()
    refusals = {path: _refusal(path, inside) for path in paths}
    refused = (
        (_text(path.relative_to(root).as_posix()), why)
        for path, why in refusals.items()
        if why is not None and any(kind.fullmatch(path.name) for kind in (_QUERIES, _SET, _FILE))
    )
    return [path for path, why in refusals.items() if why is None], tuple(refused)


def _refusal(path: Path, inside: Path) -> str | None:
    """Why a path is not to be read, if it is not; links may lead anywhere, and a pipe is read without end."""
    try:
        if not path.resolve().is_relative_to(inside):
            return "a link leads outside the folder"
        return None if stat.S_ISREG(path.stat().st_mode) else "it is no regular file"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except RuntimeError:
        return "its links go in a circle"


def _answer_file(path: Path, place: str, folder: re.Match[str], named: re.Match[str]) -> AnswerFile:
    scenario, level, is_ours = folder.groups()
    query_id, model, method = named.groups()
    of_model = path.parent.resolve().parent.name if level is not None and not is_ours else ""
    return AnswerFile(
        path=path,
        place=place,
        scenario=scenario,
        split=_split(level),
        query_id=int(query_id),
        model=_text(model or of_model),
        method=method,
    )


def _set_file(path: Path, place: str, of_set: re.Match[str]) -> SetFile:
    before, scenario, level, behind = of_set.groups()
    return SetFile(
        path=path,
        place=place,
        scenario=scenario,
        split=_split(level),
        model=_text(before or behind or path.parent.resolve().name),
        named=_text(behind or ""),
    )


def _split(level: str | None) -> str:
    return "train" if level in (None, "train") else f"test_{level}"


def _text(name: str) -> str:
    """Names of files may hold bytes that are no text."""
    return name.encode(errors="replace").decode()
