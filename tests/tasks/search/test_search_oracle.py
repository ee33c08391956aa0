"""Under published rules a search asks what the paper's published code asks, request for request.

The oracle, a scripted model and API server with the recorded runs of the published code, lives beside the
repository and is no part of it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from catalogue_rows import a_parameter, a_tool, an_api

from tasks.search.api import Found, ModelEndpoint, Observation, search
from tasks.search.functions import Offer, offer_for
from tasks.search.rules import TOOLBENCH
from warehouse.tables.annotations import Node
from warehouse.tables.catalogue import Api, Parameter, Tool

ORACLE = Path(__file__).parents[4] / "shared" / "oracle"
GOLDEN = ORACLE / "golden"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs the oracle beside the repository"),
]

TYPES = {"NUMBER": "number", "STRING": "string", "BOOLEAN": "boolean", "ENUM": "string"}
OUTCOMES = {"unknown_function": "halluc", "invalid_arguments": "badjson"}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(ORACLE / "server.py"), "--port", str(port)]
    with subprocess.Popen(command) as server:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the oracle did not start")


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    return _module("compare")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ORACLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Scenario:
    """One scenario of the oracle as a search sees it."""

    def __init__(self, http: aiohttp.ClientSession, base: str, model: str) -> None:
        self.http, self.base, self.model = http, base, model

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.base}/{path}") as response:
            text = await response.text()
        return (
            json.loads(text) if path.startswith("catalog") else [json.loads(row) for row in text.splitlines()]
        )

    async def execute(self, function: str, arguments: Mapping[str, Any]) -> Observation:
        async with self.http.post(f"{self.base}/call/{self.model}/{function}", json=arguments) as response:
            return Observation(await response.text(), response.headers["X-Class"], 0)


def offer_of(catalogue: Any) -> tuple[Offer, str]:
    tools = {tool["tool_name"]: _tool(tool) for tool in catalogue["tools"]}
    apis = [_api(tool["tool_name"], api) for tool in catalogue["tools"] for api in tool["api_list"]]
    return offer_for(apis, tools, {}, TOOLBENCH), catalogue["query"]


def _tool(tool: Any) -> Tool:
    return a_tool(
        tool["tool_name"], category=tool["category"], description=tool["tool_description"], source="oracle"
    )


def _api(tool_name: str, api: Any) -> Api:
    return an_api(
        f"{tool_name}/{api['name']}",
        tool_id=tool_name,
        api_name=api["name"],
        function_name=api["function_name"],
        description=api["description"],
        method=api["method"],
        parameters=(
            *(_parameter(parameter, required=True) for parameter in api["required_parameters"]),
            *(_parameter(parameter, required=False) for parameter in api["optional_parameters"]),
        ),
    )


def _parameter(parameter: Any, *, required: bool) -> Parameter:
    return a_parameter(
        parameter["name"],
        arg_name=parameter["arg_name"],
        type=TYPES[parameter["type"]],
        required=required,
        description=parameter["description"],
        default=json.dumps(parameter["default"]),
    )


def as_recorded(compare: ModuleType, found: Found, *, chains: bool) -> dict[str, Any]:
    """The result in the words of the recorded runs, which have few for a search that was not won."""
    nodes = found.nodes
    shape = _chains(compare, nodes, found) if chains else _tree(compare, nodes, found)
    return shape | {
        "query_count": found.n_queries,
        "total_tokens": found.total_tokens,
        "win": found.win,
        "max_depth": max(node.depth for node in nodes) + 1,
    }


def _tree(compare: ModuleType, nodes: Sequence[Node], found: Found) -> dict[str, Any]:
    path = [node.node_id for node in nodes if node.on_answer_path]
    return {
        "valid_data": found.finish_type != "none",
        "finish_type": "give_answer" if found.finish_type == "none" else found.finish_type,
        "final_answer": found.final_answer or "",
        "size": len(nodes),
        "nodes": [_recorded(compare, node) for node in nodes],
    } | ({"answer_path": path} if found.win else {})


def _chains(compare: ModuleType, nodes: Sequence[Node], found: Found) -> dict[str, Any]:
    """Each chain has a root of its own there, nothing is numbered, and giving up is no result."""
    starts = [node.node_id for node in nodes if node.parent_id == 0]
    tries = [
        {"nodes": [["I", 0, "", 0], *([*row[:3], 0, *row[4:]] for row in rows)]}
        for start, end in zip(starts, [*starts[1:], len(nodes)], strict=True)
        for rows in [[_recorded(compare, node) for node in nodes[start:end]]]
    ]
    return {
        "final_answer": found.final_answer if found.win else "",
        "size": sum(len(chain["nodes"]) for chain in tries),
        "tries": tries,
    }


def _recorded(compare: ModuleType, node: Node) -> list[Any]:
    kind = {"root": "I", "thought": "T", "action": "A", "action_input": "I"}[node.kind]
    flags = "p" * node.pruned + "t" * node.terminal
    return [kind, node.depth, flags, node.entry or 0, node.code, _class(compare, node)]


def _class(compare: ModuleType, node: Node) -> str | None:
    """What exactly is wrong with a Finish is told by the oracle's own reading of its arguments."""
    if node.kind != "action_input" or node.outcome is None:
        return None
    if node.function == "Finish":
        found: str = compare.T.Scenario.finish_class(None, node.arguments)
        return found
    return OUTCOMES.get(node.outcome, node.outcome)


METHODS: dict[str, dict[str, Any]] = {
    "DFSDT_w2": {"method": "dfsdt", "width": 2},
    "DFSDT_w3": {"method": "dfsdt", "width": 3},
    "DFS_w2": {"method": "dfs_ranked", "width": 2},
    "CoT1": {"method": "react"},
    "CoT5": {"method": "react@5"},
    "CoT5v": {"method": "react@5"},
}


async def play(http: aiohttp.ClientSession, base: str, model: str, method: str) -> Found:
    scenario = Scenario(http, base, model)
    offer, query = offer_of(await scenario.get(f"catalog/{model}"))
    async with ModelEndpoint(f"{base}/v1", model, first_pause_s=0.001) as endpoint:
        return await search(
            query,
            model=endpoint,
            functions=[function.wire() for function in offer.functions],
            tools=[{"name": tool.name, "description": tool.description} for tool in offer.tools],
            execute=scenario.execute,
            rules="toolbench",
            **METHODS[method],
        )


async def differences(base: str, compare: ModuleType, name: str) -> dict[str, str]:
    records = compare.load_golden(GOLDEN / f"{name}.jsonl")
    assert len(records) == 70
    async with aiohttp.ClientSession() as http:

        async def difference(recorded_as: str, record: Any) -> str:
            model = f"{recorded_as}~{name}"
            found = await play(http, base, model, name)
            rows = await Scenario(http, base, model).get(f"trace/{model}")
            result = as_recorded(compare, found, chains="tries" in record)
            return str(compare.report(record, rows, result, expand=True, strict=True)[1])

        texts = await asyncio.gather(*(difference(*item) for item in records.items()))
    return {model: text for model, text in zip(records, texts, strict=True) if text != "same"}


@pytest.mark.parametrize("method", METHODS)
def test_a_search_asks_what_the_published_code_asks(base: str, compare: ModuleType, method: str) -> None:
    assert asyncio.run(differences(base, compare, method)) == {}


async def other_schemas(base: str, compare: ModuleType) -> dict[str, list[str]]:
    records = compare.load_golden(GOLDEN / "schemas.jsonl")
    different = {}
    async with aiohttp.ClientSession() as http:
        for model, record in records.items():
            offer, _ = offer_of(await Scenario(http, base, model).get(f"catalog/{model}"))
            offered = compare.T.schema_of({"tools": [function.wire() for function in offer.functions]})
            different[model] = compare.compare_schema(record["schema"], offered)
    assert len(records) == 70
    return {model: words for model, words in different.items() if words}


def test_functions_are_offered_as_the_published_code_offers_them(base: str, compare: ModuleType) -> None:
    assert asyncio.run(other_schemas(base, compare)) == {}
