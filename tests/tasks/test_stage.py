from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import BrokenContract, EndpointDown
from tasks.frame.running import finish_stage, usable, write_shard
from tasks.frame.stage import Stage, bucket_count, bucket_of, into_buckets
from warehouse.ref import Counts, ShardOutput, Stop
from warehouse.store import Store
from warehouse.tables import LLM_CALLS, REJECTS
from warehouse.tables.accounts import LlmCall, Reject

STAGE = Stage(name="probe", version=1, unit="API", writes=(REJECTS, LLM_CALLS))


def reject(row_id: str) -> Reject:
    return Reject(stage="probe", row_id=row_id, reason="timeout", detail="3 tries")


def llm_call(row_id: str) -> LlmCall:
    return LlmCall(
        run_id="r",
        stage="probe",
        row_id=row_id,
        ordinal=0,
        model="m",
        tokens_in=1,
        tokens_out=1,
        cost_usd=None,
        latency_ms=1.0,
        attempts=1,
        from_store=False,
        error=None,
    )


@pytest.mark.parametrize(
    ("rows", "per_bucket", "before", "expected"),
    [
        (0, 100, None, 1),
        (100, 100, None, 1),
        (101, 100, None, 2),
        (150, 100, 1, 1),
        (201, 100, 1, 3),
        (100, 100, 2, 2),
        (100, 100, 3, 1),
    ],
)
def test_the_number_of_buckets_moves_only_by_more_than_twice(
    rows: int, per_bucket: int, before: int | None, expected: int
) -> None:
    assert bucket_count(rows, per_bucket, before) == expected


def test_a_new_row_moves_no_other() -> None:
    keys = [f"row {number}" for number in range(100)]

    without = into_buckets(keys, str, 7)
    with_new = into_buckets([*keys, "new"], str, 7)

    assert [len(b) for b in with_new] == [
        len(b) + (at == bucket_of("new", 7)) for at, b in enumerate(without)
    ]


def test_a_finished_stage_has_one_file_a_table_and_keeps_history_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    counts = Counts(unit="API", n_in=1, n_out=0, n_rejected=1)
    outputs = [
        write_shard(store, {REJECTS: [reject(row)], LLM_CALLS: [llm_call(row)]}, counts) for row in "ab"
    ]

    stage = finish_stage(STAGE, store, outputs, n_shard_tasks=2)

    assert store.read(REJECTS, stage.tables["rejects"]) == [reject("a"), reject("b")]
    assert len(stage.tables["rejects"]) == 1
    assert stage.tables["llm_calls"] == tuple(output.tables[1] for output in outputs)
    assert stage.counts == Counts(unit="API", n_in=2, n_out=0, n_rejected=2)


def test_a_stage_writes_what_it_declares(tmp_path: Path) -> None:
    store = Store(tmp_path)
    output = write_shard(store, {REJECTS: []}, Counts(unit="API", n_in=0, n_out=0, n_rejected=0))

    with pytest.raises(BrokenContract, match=r"declares that it writes \['llm_calls', 'rejects'\]"):
        finish_stage(STAGE, store, [output], n_shard_tasks=1)


@pytest.mark.parametrize("damage", ["gone", "cut", "stopped"])
def test_an_output_is_not_usable_when(damage: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    counts = Counts(unit="API", n_in=1, n_out=0, n_rejected=1)
    output = write_shard(store, {REJECTS: [reject("a")]}, counts)
    path = tmp_path / output.tables[0].path
    assert usable(store, output)

    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
    else:
        output = output.model_copy(update={"stop": Stop(kind="EndpointDown", message="gone")})

    assert not usable(store, output)


def test_a_stopped_shard_says_why(tmp_path: Path) -> None:
    counts = Counts(unit="API", n_in=1, n_out=0, n_rejected=0, n_pending=1)

    output = write_shard(Store(tmp_path), {REJECTS: []}, counts, EndpointDown("down", fix="wait"))

    assert output == ShardOutput(
        tables=output.tables, counts=counts, stop=Stop(kind="EndpointDown", message="down", fix="wait")
    )
