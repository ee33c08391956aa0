from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.calling.params import CallingParams, HostParams
from tasks.catalogue.opening import are_sources_of
from tasks.catalogue.params import CatalogueParams, McpParams
from tasks.exact_json import digest_of
from tasks.frame.run import RunContext
from tasks.identity import identity as identity_of
from tasks.judging.params import EvaluateParams
from tasks.llm.params import Capabilities, JudgeParams, LlmParams
from tasks.transport.mcp.server import McpServer


def run(*servers: dict[str, Any], **llm: Any) -> RunContext:
    return RunContext(
        data=Path("/data"),
        run_id="r",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        as_of={},
        calling=CallingParams(),
        llm=LlmParams(base_url="http://model.test/v1", model="m", **llm),
        mcp_servers=tuple(McpServer(**{"name": "s", "command": ("a",), **fields}) for fields in servers),
    )


def identity(*servers: dict[str, Any]) -> dict[str, object]:
    return run(*servers).calling_identity()


def test_what_a_model_is_sent_counts_and_a_body_without_further_fields_does_not() -> None:
    assert run(body={"top_p": 0.9}).model_identity() != run().model_identity()
    assert run(body={}).model_identity() == {"model": "m", "temperature": None, "max_tokens": None}


def test_without_servers_nothing_is_said_of_them() -> None:
    assert "mcp" not in identity()


@pytest.mark.parametrize(
    "changed", [{"command": ("b",)}, {"allow_tools": ("*",)}, {"cwd": "/b"}, {"env": {"A": "B"}}]
)
def test_another_server_may_answer_otherwise(changed: dict[str, Any]) -> None:
    assert identity(changed) != identity({})


@pytest.mark.parametrize("changed", [{"concurrency": 9}, {"start_timeout_s": 9}])
def test_how_fast_we_ask_changes_no_answer(changed: dict[str, Any]) -> None:
    assert identity(changed) == identity({})


def test_answers_recorded_before_fields_said_where_they_count_are_found_again() -> None:
    changed = run({"concurrency": 9}, tools="text", body={"top_p": 0.9}, context=4096, batch=True).model_copy(
        update={
            "calling": CallingParams(
                concurrency=3,
                proxy="none",
                resolve={"*.a.test": "http://127.0.0.1:1"},
                hosts={"*.a.test": HostParams(timeout_s=2, per_host_rps=5)},
                key_names={"a.test": "A_KEY"},
            )
        }
    )
    identities = [each for at in (run(), changed) for each in (at.calling_identity(), at.model_identity())]

    assert list(map(digest_of, identities)) == [
        "d6d276241d4c9e26bf0cbf295d0fe9aa",
        "310ab8290224b395785134a04138da0d",
        "6ab8d40c8d07f78bb45e02ddfe324073",
        "d158ad52145a85067e939ffd6e06fbc6",
    ]


def test_a_crawl_recorded_with_the_speed_of_its_server_is_of_the_same_sources() -> None:
    server = McpParams(name="s", command=("a",))
    older = [{**server.model_dump(mode="json"), "version": None}]

    assert are_sources_of(digest_of(older), CatalogueParams(sources=(server,)))
    assert not are_sources_of(
        digest_of(older), CatalogueParams(sources=(McpParams(name="t", command=("a",)),))
    )


@pytest.mark.parametrize(("stage", "asked"), [("annotate", "m"), ("evaluate", "j"), ("prefer", "j")])
def test_a_judge_counts_where_it_is_asked(stage: str, asked: str) -> None:
    judge = JudgeParams(base_url="http://judge.test/v1", model="j")
    found = run().model_copy(update={"judge": judge}).model_identity(stage)

    assert found == {"model": asked, "temperature": None, "max_tokens": None}


def test_what_a_judge_lacks_is_asked_for_in_words_of_it_alone() -> None:
    judge = JudgeParams(base_url="http://judge.test/v1", model="j")
    lacking = Capabilities(json_schema=False)
    found = run().model_copy(update={"judge": judge, "judge_capabilities": lacking})

    assert "lacking" in found.model_identity("evaluate")
    assert "lacking" not in found.model_identity("annotate")


def test_a_judge_of_its_own_and_the_same_model_as_writer_have_the_same_keys() -> None:
    judge = JudgeParams(base_url="http://judge.test/v1", model="m", price_in=1.0)

    assert run().model_copy(update={"judge": judge}).model_identity("evaluate") == run().model_identity()
    assert identity_of(EvaluateParams(judge=judge), "evaluate") == identity_of(EvaluateParams(), "evaluate")
    assert identity_of(EvaluateParams(judge=judge)) != identity_of(EvaluateParams())
