"""A data folder with searches made by the real search, of a model that says what it is told to.

beach   G1, train        won after it went back once, with two calls in one reply
picnic  G1, test_tool    won at once
sail    G2, train        gave up
stroll  G2, train        ran out of queries: neither an answer nor a give-up
harbour G3, test_category won, after a reply without a call
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalogue_rows import a_parameter, a_tool, an_api

from tasks.calling.outcome import CallResult, Outcome
from tasks.llm.chat import ChatRequest, Reply, ToolCall, Usage
from tasks.search.annotate import AnnotationRows, annotate_instruction
from tasks.search.params import AnnotateParams
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import (
    ANNOTATIONS,
    APIS,
    CALLS,
    EVALUATIONS,
    INSTRUCTIONS,
    NODES,
    PREFERENCES,
    RUNS,
    TOOLS,
)
from warehouse.tables.accounts import Run, StageCounts
from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.evaluations import Evaluation, Preference
from warehouse.tables.instructions import Instruction, RelevantApi

RUN = "20260301T120000.000Z"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = "scripted"


def says(*parts: str | ToolCall) -> Reply:
    """Texts are the content, calls the calls."""
    texts = [part for part in parts if isinstance(part, str)]
    made = tuple(part for part in parts if isinstance(part, ToolCall))
    return Reply(content="".join(texts) or None, tool_calls=made, finish_reason="stop", usage=Usage(10, 1))


def calls(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("", name, json.dumps(arguments))


def answers(text: str) -> ToolCall:
    return calls("Finish", return_type="give_answer", final_answer=text)


GIVES_UP = calls("Finish", return_type="give_up_and_restart")
RAIN = calls("rain_for_sky", city="Brest")
TIDE = calls("tide_for_sea", city="Brest", day="Friday")

SCRIPTS: dict[str, list[Reply]] = {
    "beach": [
        says("First the rain.", RAIN),
        says("That leads nowhere.", GIVES_UP),
        says(calls("wind_for_sky"), calls("rain_for_sky", city="Ouessant")),
        says(answers("Dry, with “light” wind.")),
    ],
    "picnic": [says(RAIN), says("All known.", answers("It stays dry."))],
    "sail": [says(TIDE), says(GIVES_UP), says(TIDE), says(GIVES_UP)],
    "stroll": [says("Where to?")] * 3,
    "harbour": [
        says("The tide decides."),
        says(calls("tides_for_sea", city="Brest")),
        says("Its name is another.", TIDE),
        says(answers("High water at 05:12.")),
    ],
}
PLACES = {
    "beach": ("G1", "train", ("Weather/sky/rain", "Weather/sky/wind")),
    "picnic": ("G1", "test_tool", ("Weather/sky/rain",)),
    "sail": ("G2", "train", ("Sea/sea/tide", "Weather/sky/rain")),
    "stroll": ("G2", "train", ("Weather/sky/rain", "Sea/sea/tide")),
    "harbour": ("G3", "test_category", ("Sea/sea/tide", "Weather/sky/wind")),
}
QUERIES = {
    "beach": 'Will it rain at the beach of Brest,\n\tor is it "dry"?',
    "picnic": "Can we have a picnic in Brest?",
    "sail": "When can we sail from Brest?",
    "stroll": "Where do we go for a stroll?",
    "harbour": "When is high water in the harbour of Brest?",
}


def _parameter(name: str, *, required: bool) -> Parameter:
    return a_parameter(
        name, required=required, description=f"The {name}.", default='"Brest"' if required else None
    )


def _api(tool_id: str, name: str, *parameters: Parameter) -> Api:
    tool = tool_id.rpartition("/")[2]
    return an_api(
        f"{tool_id}/{name}",
        api_name=name.title(),
        function_name=f"{name}_for_{tool}",
        description=f"Says the {name}.",
        url=f"http://{tool}.test/{name}",
        parameters=parameters,
        example_response='{"of": "Brest", "days": [1, 2], "log": [{"at": null}], "none": []}',
        fingerprint=f"{name}-print",
    )


CITY = _parameter("city", required=True)
ALL_APIS = (
    _api("Weather/sky", "rain", CITY),
    _api("Weather/sky", "wind"),
    _api("Sea/sea", "tide", CITY, _parameter("day", required=False)),
)
API_OF = {api.api_id: api for api in ALL_APIS}


def _tool(tool_id: str, name: str) -> Tool:
    return a_tool(
        tool_id,
        tool_name=name,
        description=f"{name} of all places.",
        collections=("Outdoors",),
        source_url="http://hub.test",
        licence="CC-BY-4.0" if name == "Sea" else None,
        n_apis=2,
        fingerprint=name,
    )


ALL_TOOLS = (_tool("Weather/sky", "Sky"), _tool("Sea/sea", "Sea"))


def instruction(name: str) -> Instruction:
    scenario, split, api_ids = PLACES[name]
    needed = [API_OF[api_id] for api_id in api_ids[:1]]
    return Instruction(
        instruction_id=name,
        sample_id=f"sample-{name}",
        scenario=scenario,
        split=split,
        query=QUERIES[name],
        relevant_apis=tuple(
            RelevantApi(tool_name=api.tool_id, api_name=api.api_name, api_id=api.api_id) for api in needed
        ),
        api_ids=api_ids,
        api_fingerprints=("",) * len(api_ids),
        n_words=len(QUERIES[name].split()),
        model="writer",
        prompt_digest="0" * 32,
        seed_ids=(),
    )


class _Model:
    name = MODEL

    def __init__(self, script: Sequence[Reply]) -> None:
        self._script = script

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        assert request.tools is not None, row_id
        return self._script[ordinal]


class _Caller:
    async def call_for(
        self, row_id: str, ordinal: int, api: Api, arguments: Mapping[str, Any]
    ) -> tuple[CallResult, str, datetime, bytes]:
        assert row_id
        body = json.dumps({"of": api.api_name, "no": ordinal, **arguments})
        outcome = Outcome.OK if arguments else Outcome.ERROR_MESSAGE
        return CallResult(outcome=outcome, http_status=200, body=body), "real", NOON, b"key"


def search(
    name: str, script: Sequence[Reply] | None = None, *, model: Any = None, **params: Any
) -> AnnotationRows:
    """One search of the world.  model: who is asked, in place of one that follows the script."""
    if name == "stroll":
        params = {"max_queries": 3, **params}
    found = instruction(name)
    return asyncio.run(
        annotate_instruction(
            found,
            [API_OF[api_id] for api_id in found.api_ids],
            {},
            model=model or _Model(SCRIPTS[name] if script is None else script),
            caller=_Caller(),
            params=AnnotateParams(**params),
            tools={tool.tool_id: tool for tool in ALL_TOOLS},
        )
    )


def votes_on(answer: AnnotationRows, *labels: str, task: str | None = None) -> list[Evaluation]:
    """A judge's votes on an answer, and on whether its task can be solved."""
    row = answer.annotation
    asked = [(row.annotation_id, "answer", label) for label in labels]
    asked += [] if task is None else [(row.instruction_id, "task", task)]
    return [
        Evaluation(
            subject_id=subject,
            question=question,
            judge="judge",
            vote=number,
            instruction_id=row.instruction_id,
            label=label,
            by_rule=False,
            reason="It is so.",
            prompt_digest="prompt",
        )
        for number, (subject, question, label) in enumerate(asked)
    ]


def write_world(
    root: Path,
    searches: Sequence[AnnotationRows] | None = None,
    *,
    instructions: Sequence[str] = tuple(SCRIPTS),
    licence: str = "CC-BY-4.0",
    run: str = RUN,
    votes: Sequence[Evaluation] = (),
    preferences: Sequence[Preference] = (),
) -> None:
    """A committed run with all instructions and their searches, unless some are given.

    licence: of the tool about the sea.  votes, preferences: of a judge.
    """
    if searches is None:
        searches = [search(name) for name in SCRIPTS]
    store = Store(root)
    rows: dict[Table[Any], list[Any]] = {
        TOOLS: [ALL_TOOLS[0], replace(ALL_TOOLS[1], licence=licence)],
        APIS: [*ALL_APIS],
        INSTRUCTIONS: [instruction(name) for name in instructions],
        ANNOTATIONS: [found.annotation for found in searches],
        NODES: [node for found in searches for node in found.nodes],
        CALLS: [call for found in searches for call in found.calls],
        RUNS: [_run(run, len(searches))],
    }
    rows |= {EVALUATIONS: [*votes], PREFERENCES: [*preferences]} if votes else {}
    tables = {table.name: (store.write_shard(table, found),) for table, found in rows.items()}
    manifest.commit(root, _manifest(run, tables))


def _run(run: str, n_searches: int) -> Run:
    annotate = StageCounts(
        stage="annotate", unit="instruction", n_in=n_searches, n_out=n_searches, n_rejected=0, n_pending=0
    )
    return Run(
        run_id=run,
        kind="refresh",
        as_of=NOON,
        started_at=NOON,
        finished_at=NOON,
        status="complete",
        config_digest="config",
        counts=(annotate,),
        n_requests=1,
        tokens_in=10,
        tokens_out=1,
        cost_usd=None,
    )


def _manifest(run: str, tables: Mapping[str, tuple[TableRef, ...]]) -> Manifest:
    return Manifest(
        run_id=run,
        kind="refresh",
        status="complete",
        parent=None,
        started_at=NOON,
        finished_at=NOON,
        config_digest="config",
        as_of={},
        stages={},
        tables=tables,
    )
