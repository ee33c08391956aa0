from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from tasks.identity import NotInKey, NotInShardKey, OnceSet, OnlyInKeyOf, identity


class Host(BaseModel):
    timeout_s: float | None = None
    rate: Annotated[float, NotInKey("speed")] = Field(default=1, gt=0)


class Settings(BaseModel):
    width: int = 2
    address: Annotated[str, NotInKey("place")] = "http://a.test"
    wanted: Annotated[int, OnlyInKeyOf("draw")] = 5
    rounds: Annotated[int, OnlyInKeyOf()] = 3
    per_shard: Annotated[int, OnlyInKeyOf("draw"), NotInShardKey()] = 10
    hosts: Annotated[dict[str, Host], OnceSet()] = {}
    sources: tuple[Host, ...] = ()
    own: Host | None = None


@pytest.mark.parametrize(
    ("of", "shard", "counts"),
    [
        ("configuration", False, {"width": 2, "wanted": 5, "rounds": 3, "per_shard": 10}),
        ("draw", False, {"width": 2, "wanted": 5, "per_shard": 10}),
        ("draw", True, {"width": 2, "wanted": 5}),
        ("other", False, {"width": 2}),
    ],
)
def test_a_field_counts_where_its_markers_say(of: str, shard: bool, counts: dict[str, int]) -> None:
    assert identity(Settings(), of, shard=shard) == {**counts, "sources": [], "own": None}


def test_markers_of_nested_models_hold_wherever_these_are() -> None:
    host = Host(timeout_s=2, rate=7)
    settings = Settings(hosts={"*.a.test": host}, sources=(host,), own=host)

    assert identity(settings, "other") == {
        "width": 2,
        "hosts": {"*.a.test": {"timeout_s": 2.0}},
        "sources": [{"timeout_s": 2.0}],
        "own": {"timeout_s": 2.0},
    }
