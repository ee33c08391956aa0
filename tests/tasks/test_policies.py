"""Cached results: only what we write ourselves is ever read."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from tasks.frame.policies import is_own_result
from warehouse.ref import Counts, ShardOutput, TableRef

ROOT = Path(__file__).parents[2]
OUTPUT = ShardOutput(
    tables=(
        TableRef(table="apis", path="shards/apis/0a.parquet", rows=1, content_digest="1-0", file_digest="0a"),
    ),
    counts=Counts(unit="API", n_in=1, n_out=1, n_rejected=0),
)


def record(result: object) -> dict[str, Any]:
    """What Prefect writes of a result with our options."""
    store = ResultStore(result_storage=LocalFileSystem(), serializer=JSONSerializer())
    found: dict[str, Any] = json.loads(store.create_result_record(obj=result, key="any").serialize())
    return found


@pytest.mark.parametrize("result", [OUTPUT, "20260101T000000.000Z"], ids=["output", "run id"])
def test_what_we_write_is_ours(result: object) -> None:
    assert is_own_result(json.dumps(record(result)).encode())


def _serializer(**fields: object) -> bytes:
    altered = record(OUTPUT)
    altered["metadata"]["serializer"].update(fields)
    return json.dumps(altered).encode()


def _result(value: object) -> bytes:
    return json.dumps(record(OUTPUT) | {"result": json.dumps(value)}).encode()


FOREIGN = {
    "pickle": _serializer(type="pickle", picklelib="pickle"),
    "compressed": _serializer(type="compressed/json"),
    "another JSON library": _serializer(jsonlib="os"),
    "another decoder": _serializer(object_decoder="os.system"),
    "arguments of its own": _serializer(loads_kwargs={"parse_float": "os.system"}),
    "a class of others": _result({"__class__": "subprocess.Popen", "data": {"args": ["true"]}}),
    "a class of others below": _result(
        json.loads(record(OUTPUT)["result"]) | {"x": {"__class__": "os.system"}}
    ),
    "an exception": _result({"__exc_type__": "builtins.SystemExit", "message": "0"}),
    "a class spelled in escapes": _result({}).replace(b"{}", rb'{\\"\\u005f_class__\\": \\"os.system\\"}'),
    "the older form": json.dumps({"data": "gAR9", "serializer": {"type": "pickle"}}).encode(),
    "a value alone": json.dumps({"__class__": "subprocess.Popen", "data": {"args": ["true"]}}).encode(),
    "a name twice": b'{"metadata": {}, ' + json.dumps(record(OUTPUT)).encode()[1:],
    "storage of its own": json.dumps(record(OUTPUT) | {"metadata": {"storage_block_id": "x"}}).encode(),
    "cut off": json.dumps(record(OUTPUT)).encode()[:50],
    "empty": b"",
    "no JSON": bytes(range(256)),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_what_others_wrote_is_not(content: bytes) -> None:
    assert not is_own_result(content)


# A process of its own: Prefect's threads would stay, and other tests of this process would hear of them.
ASKS_TWICE = """
import json
from prefect import flow, task
from tasks.frame.policies import refused_results, stage_options

@task(**stage_options(lambda: "own-key"))
def counted() -> str:
    return "computed"

@flow
def asks_twice() -> list[str | None]:
    return [counted(return_state=True).name, counted(return_state=True).name]

print(json.dumps([asks_twice(), sorted(refused_results)]))
"""


class _Marks:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_the_cache_is_never_opened(prefect_api: str, tmp_path: Path) -> None:
    results, mark = tmp_path / "results", tmp_path / "opened"
    poisoned = json.loads(_serializer(type="pickle", picklelib="pickle"))
    poisoned["result"] = base64.encodebytes(pickle.dumps(_Marks(mark))).decode()
    results.mkdir()
    (results / "own-key").write_text(json.dumps(poisoned))
    environment = os.environ | {
        "PREFECT_API_URL": prefect_api,
        "PREFECT_LOCAL_STORAGE_PATH": str(results),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }

    asked = subprocess.run(
        [sys.executable, "-c", ASKS_TWICE],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(asked.stdout.splitlines()[-1]) == [["Completed", "Cached"], ["own-key"]]
    assert not mark.exists()
    assert is_own_result((results / "own-key").read_bytes())
