from datetime import UTC, datetime, timedelta

import pytest

from tasks.probing.earlier import Again, reached_nothing, stands, was_unreachable
from warehouse.tables.probing import Verdict

NOW = datetime(2024, 5, 1, tzinfo=UTC)
MAX_AGE = timedelta(days=1)


def verdict(reason: str = "ok", age: timedelta = timedelta(hours=1), conditions: str | None = "c") -> Verdict:
    kept = reason == "ok"
    return Verdict(
        api_id="Weather/sky/forecast",
        works=kept,
        effective=kept,
        kept=kept,
        reason=reason,
        median_latency_ms=None,
        n_attempts=3,
        example_response=None,
        probed_at=NOW - age,
        conditions=conditions,
    )


@pytest.mark.parametrize(
    ("earlier", "old", "stale", "all_of_them"),
    [
        (verdict(), True, True, False),
        (verdict(age=MAX_AGE), True, True, False),
        (verdict(age=MAX_AGE + timedelta(seconds=1)), False, False, False),
        (verdict(conditions="others"), False, False, False),
        (verdict(conditions=None), False, False, False),
        (verdict("timeout"), True, False, False),
        (verdict("connection_error"), True, False, False),
        (verdict("server_error"), True, False, False),
        (verdict("rate_limited"), True, False, False),
        (verdict("slow"), True, False, False),
        (verdict("not_found"), True, True, False),
        (verdict("unauthorized"), True, True, False),
        (verdict("unsafe_skipped"), True, True, False),
    ],
)
def test_which_verdicts_stand(earlier: Verdict, old: bool, stale: bool, all_of_them: bool) -> None:
    found = {again: stands(earlier, "c", now=NOW, max_age=MAX_AGE, again=again) for again in Again}
    assert found == {Again.OLD: old, Again.STALE: stale, Again.ALL: all_of_them}


@pytest.mark.parametrize(
    ("earlier", "unreachable"),
    [
        (None, False),
        (verdict(), False),
        (verdict("server_error"), False),
        (verdict("timeout"), True),
        (verdict("connection_error"), True),
    ],
)
def test_who_could_not_be_reached_before(earlier: Verdict | None, unreachable: bool) -> None:
    assert was_unreachable(earlier) is unreachable


@pytest.mark.parametrize(
    ("reasons", "nothing"),
    [
        ([], False),
        (["connection_error"], True),
        (["connection_error", "connection_error"], True),
        (["connection_error", "timeout"], False),
        (["connection_error", "ok"], False),
    ],
)
def test_when_nothing_at_all_was_reached(reasons: list[str], nothing: bool) -> None:
    assert reached_nothing(reasons) is nothing
