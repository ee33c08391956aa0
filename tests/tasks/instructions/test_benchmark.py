from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.errors import UsageError
from tasks.instructions.benchmark import read_benchmark
from tasks.instructions.params import InstructParams

TOOLBENCH = [
    {"api_list": [{"tool_name": "Sky", "api_name": "rain"}], "query": "Will it rain?", "query_id": 7},
    {"api_list": [], "query": "And tomorrow?", "query_id": 8},
]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("g1.json", json.dumps(TOOLBENCH), ("Will it rain?", "And tomorrow?")),
        ("ids.json", json.dumps({"7": TOOLBENCH[0], "8": TOOLBENCH[1]}), ("Will it rain?", "And tomorrow?")),
        ("plain.json", json.dumps(["Will it rain?", "  "]), ("Will it rain?",)),
        ("wrapped.json", json.dumps({"data": [{"instruction": "Will it rain?"}]}), ("Will it rain?",)),
        (
            "lines.jsonl",
            '{"question": "Will it rain?", "answer": "No"}\n\n"And tomorrow?"\n',
            ("Will it rain?", "And tomorrow?"),
        ),
        ("plain.txt", "\ufeffWill it rain?\n\nAnd tomorrow?\n", ("Will it rain?", "And tomorrow?")),
    ],
)
def test_the_texts_of_a_benchmark(tmp_path: Path, name: str, content: str, texts: tuple[str, ...]) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    assert read_benchmark(file) == texts


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("cut.json", b'[{"query": "Will', "is not JSON"),
        ("cut.jsonl", b'"fine"\n{"query"', "line 2"),
        ("empty.txt", b"\n", "holds no text"),
        ("other.json", b'[{"name": "x"}]', "holds no text"),
        ("image.txt", b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UsageError, match=told):
        read_benchmark(file)


def test_a_missing_file_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"gone\.txt cannot be read: No such file"):
        InstructParams(decontaminate=(tmp_path / "gone.txt",))
