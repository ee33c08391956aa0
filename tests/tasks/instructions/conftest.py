from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from warehouse.tables.instructions import NamedApi, Sample

NAMES: Mapping[str, NamedApi] = {
    "Travel/flights/search": NamedApi(tool_name="Flights", api_name="Search"),
    "Travel/flights/airport_search": NamedApi(tool_name="Flights", api_name="Airport Search"),
    "Weather/sky_watch/forecast": NamedApi(tool_name="Sky Watch", api_name="forecast"),
    "Weather/sky_watch/get_alerts": NamedApi(tool_name="Sky Watch", api_name="getAlerts"),
}


@pytest.fixture
def names() -> Mapping[str, NamedApi]:
    return NAMES


@pytest.fixture
def make_sample() -> Callable[..., Sample]:
    def make(sample_id: str = "s", scenario: str = "G3", *, split: str = "train") -> Sample:
        return Sample(
            sample_id=sample_id,
            scenario=scenario,
            group="holidays",
            draw=0,
            api_ids=tuple(sorted(NAMES)),
            tool_ids=("Travel/flights", "Weather/sky_watch"),
            split=split,
        )

    return make
