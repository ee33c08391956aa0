"""What replies were asked with beside their conversation, told again from rows: what their requests said."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_model import ScriptedModel
from searched_world import GIVES_UP, RAIN, answers, calls, says, search

from tasks.llm.chat import Reply
from tasks.search.asked import asked_beside

WIND = calls("wind_for_sky")
LOST = calls("snow_for_sky")
ANSWER = says(answers("Dry."))
DEEP = [says("It is wet.", LOST), says("Wind?", WIND), says("So.", RAIN), ANSWER]


@pytest.mark.parametrize(
    ("script", "params", "n_beside"),
    [
        ([says(RAIN), says(GIVES_UP), says("Wind.", WIND), ANSWER], {}, 1),
        ([says(RAIN), says(GIVES_UP), says("Wind.", WIND), ANSWER], {"rules": "toolbench"}, 1),
        ([says("Well."), says(RAIN), says(GIVES_UP), says(WIND), says(GIVES_UP), says(LOST), ANSWER], {}, 1),
        (DEEP, {"max_depth": 2}, 1),
        ([says(""), says(RAIN), ANSWER], {}, 0),
        ([says(RAIN), says(LOST), says("A"), says("B"), ANSWER], {"method": "dfs_ranked"}, 0),
        ([says(RAIN), says(WIND), says("B"), says("A"), ANSWER], {"method": "dfs_ranked"}, 1),
        ([says(RAIN), says(GIVES_UP), says(WIND), *[says(GIVES_UP)] * 5], {}, 1),
        ([says(RAIN), ANSWER], {"method": "react"}, 0),
    ],
)
def test_it_is_what_was_asked(script: list[Reply], params: dict[str, Any], n_beside: int) -> None:
    model = ScriptedModel(list(script))

    made = search("beach", model=model, **params)

    result = made.annotation.messages
    told = asked_beside(made.annotation, made.nodes)
    assert len(told) == sum(message.role == "assistant" for message in result)
    # The request that a reply of the result answered is its conversation up to there, and what was beside it.
    asked = []
    for at, message in enumerate(result):
        if message.role == "assistant":
            before = [(one.role, one.content) for one in result[:at]]
            sent = [
                [(one.role, one.content) for one in request.transcript.messages()]
                for _, _, request in model.asked
            ]
            asked.append({each[-1][1] if len(each) > at else None for each in sent if each[:at] == before})
    assert all(text in possible for text, possible in zip(told, asked, strict=True))
    assert sum(text is not None for text in told) == n_beside
