"""The teacher's files and batches, as OpenAI's own client sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from batch_desk import MODEL, Teacher
from openai import AsyncOpenAI

BODY = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}


def line(custom_id: str, **changes: Any) -> str:
    request = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": BODY}
    return json.dumps({**request, **changes})


def run_batch(teacher: Teacher, content: str, *, cancel: bool = False) -> tuple[Any, dict[str, Any]]:
    """The batch at its end, and its results by custom id."""

    async def run() -> tuple[Any, dict[str, Any]]:
        async with AsyncOpenAI(base_url=teacher.url, api_key="none", max_retries=0) as client:
            file = await client.files.create(file=("input.jsonl", content.encode()), purpose="batch")
            batch = await client.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"who": "test"},
            )
            assert (batch.status, batch.metadata) == ("validating", {"who": "test"})
            if cancel:
                await client.batches.cancel(batch.id)
            while batch.status not in {"completed", "failed", "expired", "cancelled"}:
                await asyncio.sleep(0.01)
                batch = await client.batches.retrieve(batch.id)
            results = {}
            for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
                answer = await client.files.content(file_id)
                for text in answer.text.splitlines():
                    result = json.loads(text)
                    results[result["custom_id"]] = result
            return batch, results

    return asyncio.run(run())


def test_a_batch_answers_as_the_chat_route_does() -> None:
    async def ask(url: str) -> Any:
        async with AsyncOpenAI(base_url=url, api_key="none") as client:
            return await client.chat.completions.create(**BODY)  # type: ignore[call-overload]

    with Teacher() as teacher:
        batch, results = run_batch(teacher, line("a") + "\n" + line("b") + "\n")
        online = asyncio.run(ask(teacher.url))
    assert (batch.request_counts.total, batch.request_counts.completed) == (2, 2)
    assert [results[key]["response"]["status_code"] for key in "ab"] == [200, 200]
    content = results["a"]["response"]["body"]["choices"][0]["message"]["content"]
    assert content == online.choices[0].message.content


@pytest.mark.parametrize(
    ("content", "code", "bad_line"),
    [
        ("", "empty_file", None),
        ("nonsense", "invalid_json_line", 1),
        (line("a") + "\n" + line("b", url="/v1/other"), "invalid_json_line", 2),
        (line("a") + "\n" + line("a"), "duplicate_custom_id", 2),
    ],
)
def test_what_does_not_pass_validation(content: str, code: str, bad_line: int | None) -> None:
    with Teacher() as teacher:
        batch, results = run_batch(teacher, content)
    assert (batch.status, results) == ("failed", {})
    assert (batch.errors.data[0].code, batch.errors.data[0].line) == (code, bad_line)


def test_a_request_that_is_refused_is_in_the_error_file() -> None:
    with Teacher() as teacher:
        batch, results = run_batch(teacher, line("a") + "\n" + line("b", body={"model": "other"}))
    assert batch.status == "completed"
    assert (results["a"]["response"]["status_code"], results["b"]["response"]["status_code"]) == (200, 404)


def test_fates_come_one_after_the_other() -> None:
    content = "\n".join(line(name) for name in "abcdef")
    with Teacher() as teacher:
        teacher.script("expired", "failing_lines", "lost_lines", "invalid", "token_limit")
        found = [run_batch(teacher, content) for _ in range(6)]
    told = []
    for batch, results in found:
        answers = [result["response"] for result in results.values()]
        told.append((batch.status, len(answers), sum(bool(a and a["status_code"] == 200) for a in answers)))
    assert told == [
        ("expired", 6, 3),
        ("completed", 6, 4),
        ("completed", 4, 4),
        ("failed", 0, 0),
        ("failed", 0, 0),
        ("completed", 6, 6),
    ]


def test_a_batch_can_be_cancelled() -> None:
    with Teacher() as teacher:
        teacher.script(delay_s=0.2)
        batch, results = run_batch(teacher, line("a") + "\n" + line("b"), cancel=True)
    assert batch.status == "cancelled"
    assert {result["error"]["code"] for result in results.values()} == {"batch_cancelled"}


def test_batches_are_listed_newest_first_and_files_can_be_removed() -> None:
    async def look(url: str) -> tuple[list[str], type[Exception] | None]:
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            listed = [batch.id async for batch in client.batches.list(limit=1)]
            batch = await client.batches.retrieve(listed[0])
            assert (await client.files.retrieve(batch.input_file_id)).purpose == "batch"
            assert (await client.files.delete(batch.input_file_id)).deleted
            with pytest.raises(openai.NotFoundError):
                await client.files.content(batch.input_file_id)
            with pytest.raises(openai.NotFoundError):
                await client.batches.retrieve("batch_none")
            return listed, None

    with Teacher() as teacher:
        ids = [run_batch(teacher, line("a"))[0].id for _ in range(3)]
        assert asyncio.run(look(teacher.url))[0] == ids[::-1]


def test_batches_want_the_key_as_well() -> None:
    with Teacher(api_key="right") as teacher, pytest.raises(openai.AuthenticationError):
        run_batch(teacher, line("a"))
