"""A process that asks one request for each of n rows and may be killed at any moment.

python ask_rows.py <base_url> <data folder> <n> <max_requests>
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tasks.errors import OverBudget
from tasks.llm.adapt import FunctionWatch
from tasks.llm.budget import Ledger
from tasks.llm.chat import ChatRequest, Message, ReplyStore, Transcript
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import SpendingLog, UsageLog, spending_file
from tasks.transport.kvstore import DurableMap


def request_of(row_id: str) -> ChatRequest:
    return ChatRequest(transcript=Transcript.of(Message(role="user", content=row_id)))


async def ask_rows(base_url: str, data: Path, n: int, max_requests: int) -> None:
    """Asks until the budget is used up."""
    params = LlmParams(base_url=base_url, model="m", concurrency=8)
    log = SpendingLog(spending_file(data, "r"))
    with log, DurableMap(data / "replies.sqlite") as entries:
        async with Endpoint(params) as endpoint:
            model = StoredModel(
                endpoint=endpoint,
                store=ReplyStore(entries),
                ledger=Ledger(
                    BudgetParams(max_requests=max_requests), params, log, recorder=UsageLog(log), run_id="r"
                ),
                functions=FunctionWatch(model=params.model, where=params.base_url),
                stage="s",
            )
            rows = [f"row-{i}" for i in range(n)]
            asked = (model.ask(request_of(row), row_id=row) for row in rows)
            answers = await asyncio.gather(*asked, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    unexpected = [failure for failure in failures if not isinstance(failure, OverBudget)]
    if unexpected:
        raise unexpected[0]


if __name__ == "__main__":
    asyncio.run(ask_rows(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
