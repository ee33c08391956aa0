"""Exports are whole or not at all, replace only exports, and say what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from searched_world import RUN, answers, says, search, write_world

from tasks.errors import NothingLeft, UsageError
from tasks.exporting import export as exporting
from tasks.exporting.export import Exported
from tasks.exporting.folder import export_folder

Export = Callable[..., Exported]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_export_says_what_it_is(export: Export) -> None:
    exported = export("openai")

    assert json.loads((exported.out / "export.json").read_text()) == {
        "made_by": "toolloom",
        "format": "openai",
        "run_id": RUN,
        "held_out": 0.0,
        "give_ups": False,
        "method": None,
        "passed": False,
        "diversity": "drop",
        "left_out": {"it gave up (--give-ups takes it)": 1, "it ended without an answer": 1},
        "written": {"train.jsonl": 1, "test_tool.jsonl": 1, "test_category.jsonl": 1},
    }


def test_an_export_takes_the_place_of_the_one_before(export: Export, tmp_path: Path) -> None:
    out = export("openai", give_ups=True).out
    export("openai")

    assert names(out) == ["export.json", "test_category.jsonl", "test_tool.jsonl", "train.jsonl"]
    assert names(tmp_path) == ["out"]


def test_the_same_run_gives_the_same_bytes(export: Export) -> None:
    one, two = (export("toolbench", out=out).out for out in ("one", "two"))

    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert [(one / path).read_bytes() for path in files] == [(two / path).read_bytes() for path in files]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with export_folder(out, "openai") as folder:
        folder.file("old").write_text("old")
        folder.describe({"format": "openai"})

    def fail() -> None:
        with export_folder(out, "openai") as folder:
            folder.file("new").write_text("half")
            raise NothingLeft("nothing")

    with pytest.raises(NothingLeft):
        fail()

    assert names(out) == ["export.json", "old"]
    assert names(tmp_path) == ["out"]


HALF_WAY = """
import sys, time
from pathlib import Path
from tasks.exporting.folder import export_folder
with export_folder(Path(sys.argv[1]), "openai") as folder:
    folder.file("below/new").write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_export_left_is_removed_by_the_next_one(export: Export, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HALF_WAY, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "half\n"
        killed.kill()
    assert [name[:5] for name in names(tmp_path)] == [".out."]

    export("openai")

    assert names(tmp_path) == ["out"]


def test_what_a_living_export_writes_is_left_alone(tmp_path: Path) -> None:
    with export_folder(tmp_path / "out", "openai") as one:
        one.file("one").write_text("")
        one.describe({"format": "openai"})
        with export_folder(tmp_path / "out", "openai") as other:
            other.describe({"format": "openai"})

    assert names(tmp_path / "out") == ["export.json", "one"]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"notes.txt": "mine"}, "holds files that are no export of toolloom"),
        ({"export.json": '{"made_by": "toolloom", "format": "openai"}'}, "holds an export of format openai"),
        ({"export.json": "[1]"}, "holds files that are no export of toolloom"),
    ],
)
def test_files_of_others_are_not_replaced(
    export: Export, tmp_path: Path, held: dict[str, str], said: str
) -> None:
    (tmp_path / "out").mkdir()
    for name, text in held.items():
        (tmp_path / "out" / name).write_text(text)

    with pytest.raises(UsageError, match=said):
        export("toolllama")
    assert names(tmp_path / "out") == sorted(held)


def test_a_file_is_no_folder(export: Export, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        export("openai")


def test_an_empty_folder_is_taken(export: Export, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert export("openai").written["train.jsonl"] == 1


def test_a_link_to_an_export_stays_a_link(export: Export, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("real", target_is_directory=True)
    export("openai")
    export("openai")

    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real" / "train.jsonl").is_file()


def test_a_place_that_cannot_be_written_is_told(export: Export, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write into") as caught:
        export("openai", out="file/below")
    assert caught.value.fix == "name a folder with --out that can be written"


def test_an_unknown_format_names_the_known_ones(export: Export) -> None:
    with pytest.raises(UsageError, match="there is no format 'parquet'") as caught:
        export("parquet")
    assert caught.value.fix == f"known formats: {', '.join(exporting.FORMATS)}"


def test_no_data_is_told(export: Export, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no data folder"):
        export("openai", tmp_path / "nothing")


def test_a_run_without_a_won_search_has_nothing_to_export(export: Export, tmp_path: Path) -> None:
    write_world(tmp_path / "data", [search("sail")])

    with pytest.raises(NothingLeft, match="no search that was won"):
        export("openai", tmp_path / "data")
    assert export("openai", tmp_path / "data", give_ups=True).written == {"train_give_up.jsonl": 1}
    assert names(tmp_path) == ["data", "out"]


def test_a_search_whose_instruction_is_gone_is_counted(export: Export, tmp_path: Path) -> None:
    script = [says(answers("Dry."))]
    searches = [search("beach", script), search("picnic", script)]
    write_world(tmp_path / "data", searches, instructions=["picnic"])

    exported = export("openai", tmp_path / "data")

    assert (exported.written, exported.left_out) == (
        {"test_tool.jsonl": 1},
        {"its instruction is gone": 1},
    )


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/x", "a//b", "a/./b", "..", "a\\b", "a\x00", "x" * 251]
)
def test_no_row_decides_that_a_file_is_elsewhere(tmp_path: Path, name: str) -> None:
    """`scenario`, `split` and `model` become names of files, and a data folder may be somebody else's."""
    with (
        pytest.raises(UsageError, match="no name in an export"),
        export_folder(tmp_path / "out", "hf") as out,
    ):
        out.file(name)
    assert names(tmp_path) == []
