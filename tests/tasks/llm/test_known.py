from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tasks.llm.detect import MAX_AGE, KnownEndpoints
from tasks.llm.params import Capabilities, LlmParams

PARAMS = LlmParams(base_url="http://127.0.0.1:8000/v1", model="m")
FOUND = Capabilities(tools=False, seed=False)


def test_what_was_found_is_found_again(tmp_path: Path) -> None:
    KnownEndpoints(tmp_path).keep(PARAMS, Capabilities())
    KnownEndpoints(tmp_path).keep(PARAMS, FOUND)
    assert KnownEndpoints(tmp_path).find(PARAMS) == FOUND


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"base_url": "http://127.0.0.1:8001/v1"},
        {"tools": "text"},
        {"endpoint_id": "x"},
        {"body": {"reasoning_effort": "low"}},
    ],
)
def test_another_endpoint_model_or_question_is_unknown(tmp_path: Path, change: dict[str, object]) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS, FOUND)
    other = PARAMS.model_copy(update=change)
    assert known.find(other) is None
    known.keep(other, Capabilities())
    assert (known.find(PARAMS), known.find(other)) == (FOUND, Capabilities())


def test_an_address_that_changes_is_known_by_its_name(tmp_path: Path) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS.model_copy(update={"endpoint_id": "cluster"}), FOUND)
    moved = PARAMS.model_copy(update={"base_url": "http://node7:9999/v1", "endpoint_id": "cluster"})
    assert known.find(moved) == FOUND


@pytest.mark.parametrize(("age", "found"), [(MAX_AGE - timedelta(hours=1), FOUND), (MAX_AGE * 2, None)])
def test_what_was_found_long_ago_is_asked_again(
    tmp_path: Path, age: timedelta, found: Capabilities | None
) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS, FOUND)
    path = tmp_path / "store" / "endpoints.json"
    (entry,) = orjson.loads(path.read_bytes())["endpoints"]
    assert entry["abilities"]["tools"] is False, "as earlier versions wrote it, and will read it"
    entry["found_at"] = (datetime.now(UTC) - age).isoformat()
    path.write_bytes(orjson.dumps({"endpoints": [entry]}))
    assert known.find(PARAMS) == found


def test_what_a_trial_with_fewer_questions_found_is_asked_again(tmp_path: Path) -> None:
    known = KnownEndpoints(tmp_path)
    known.keep(PARAMS, FOUND)
    path = tmp_path / "store" / "endpoints.json"
    path.write_text(path.read_text().replace('"trial":2', '"trial":1').replace('"trial": 2', '"trial": 1'))
    assert known.find(PARAMS) is None


@pytest.mark.parametrize("text", ["", "{", '{"endpoints": [{"base_url": 1}]}', '{"format": "of the future"}'])
def test_a_file_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "store" / "endpoints.json"
    path.parent.mkdir()
    path.write_text(text)
    assert KnownEndpoints(tmp_path).find(PARAMS) is None
