"""Which files of a folder are answers of ToolBench: by the folder's and the file's own name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UsageError

# G1_answer; G1_tool_answer and G1_tool as test sets are called.
_FOLDER = re.compile(r"(G[123])(?:_(instruction|tool|category))?(?:_answer)?")
_METHOD = r"DFS_woFilter_w\d{1,4}|DFS_w\d{1,4}|CoT@\w{1,16}"
_FILE = re.compile(rf"(\d{{1,18}})(?:_(.*?))??(?:_({_METHOD}))?\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """An answer file.  place: relative to the folder given.  split: train, or the test level of its set.

    method: ToolBench's name of it, None when the file's name has none; model: what stands before it.
    """

    path: Path
    place: str
    scenario: str
    split: str
    query_id: int
    model: str
    method: str | None


def answer_files(folder: Path) -> list[AnswerFile]:
    """The answer files in a folder and below it, in the order of their places.

    Raises `UsageError` when there are none.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise UsageError(
            f"{folder} {what}", fix="name the folder that holds G1_answer, G2_answer or G3_answer"
        )
    found = [file for path in sorted(folder.rglob("*.json")) if (file := _answer_file(path, folder))]
    if not found:
        raise UsageError(
            f"no answer file of ToolBench in {folder}",
            fix="answer files are G1_answer/<query id>_<method>.json, or in G2_answer or G3_answer",
        )
    return found


def answers_elsewhere(folder: Path) -> list[str]:
    """Places of files that are called like answers, in folders that do not say of which set they are."""
    return [
        _place(path, folder)
        for path in sorted(folder.rglob("*.json"))
        if _FILE.fullmatch(path.name) and _answer_file(path, folder) is None
    ]


def _place(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix().encode(errors="replace").decode()


def _answer_file(path: Path, folder: Path) -> AnswerFile | None:
    in_folder = _FOLDER.fullmatch(path.parent.resolve().name)
    named = _FILE.fullmatch(path.name)
    if in_folder is None or named is None:
        return None
    scenario, level = in_folder.groups()
    query_id, model, method = named.groups()
    return AnswerFile(
        path=path,
        place=_place(path, folder),
        scenario=scenario,
        split="train" if level is None else f"test_{level}",
        query_id=int(query_id),
        model=(model or "").encode(errors="replace").decode(),
        method=method,
    )
