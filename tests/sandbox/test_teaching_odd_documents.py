"""Instructions for documents as nobody would wish them: they still have to pass the screens.

The documents are made and the prompts rendered as the pipeline does it, and the replies are read and
screened by the pipeline's own code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from catalogue_rows import a_parameter, a_tool, an_api

import prompts
from sandbox.teacher import TeacherFaults
from sandbox.teacher.rules import answer
from tasks.documents.shorten import document_of
from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames, names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import items_of, read_item
from tasks.instructions.screens import screened
from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.instructions import Candidate

Json = dict[str, Any]
N = 10


def tool(name: str, category: str = "OpenAPI", description: str = "") -> Tool:
    return a_tool(f"{category}/{name.lower()}", tool_name=name, description=description)


def api(of: Tool, name: str, description: str = "", *parameters: Parameter) -> Api:
    function_name = re.sub(r"\W+", "_", name).lower()
    return an_api(
        f"{of.tool_id}/{name}",
        tool_id=of.tool_id,
        api_name=name,
        function_name=function_name,
        description=description,
        parameters=parameters,
    )


def parameter(
    name: str, kind: str = "string", description: str = "", *, required: bool = True, **more: Any
) -> Parameter:
    return a_parameter(name, type=kind, required=required, description=description, **more)


ECHO = tool("httpbin.org", description="A simple HTTP Request & Response Service.")
ECHOES = (
    api(ECHO, "GET /get", "The request's query parameters."),
    api(ECHO, "GET /absolute-redirect/{n}", "Absolutely 302 Redirects n times.", parameter("n", "integer")),
    api(ECHO, "GET /anything/{anything}", "Returns anything passed in request data."),
    api(
        ECHO,
        "GET /base64/{value}",
        "Decodes base64url-encoded string.",
        parameter("value", default='"SFRUUEJJTiBpcyBhd2Vzb21l"'),
    ),
    api(
        ECHO,
        "GET /basic-auth/{user}/{passwd}",
        "Prompts the user for authorization using HTTP Basic Auth.",
        parameter("user"),
        parameter("passwd"),
    ),
    api(ECHO, "GET /cookies/delete", "Deletes cookie(s) as provided by the query string and redirects."),
    api(
        ECHO,
        "GET /stream-bytes/{n}",
        "Streams n random bytes generated with given seed, at given chunk size per packet.",
        parameter("n", "integer"),
    ),
    api(ECHO, "GET /uuid", "Return a UUID4."),
    api(ECHO, "GET /", ""),
    api(ECHO, "GET /status/{codes}", "", parameter("codes")),
)
STORE = tool("kinto")
_BUCKET = parameter("bucket_id")
STORED = (
    api(STORE, "get_buckets", "", parameter("_limit", "integer", required=False)),
    api(STORE, "get_bucket", "", parameter("id")),
    api(STORE, "get_records", "", _BUCKET, parameter("collection_id")),
    api(STORE, "get_record", "", _BUCKET, parameter("collection_id"), parameter("id")),
    api(STORE, "__heartbeat__"),
    api(STORE, "server_info", "Model ``GET`` endpoint: retrieve the settings of the server."),
)
WEIRD = tool("x", "Ünïcode & <b>Co</b>")
WEIRDS = (
    api(WEIRD, "a", "..."),
    api(WEIRD, "{{cursor}}", "", parameter("")),
    api(WEIRD, "Ξ", "  \n\n "),
    api(WEIRD, "v2", "[DEPRECATED] v2: <p>Use <code>{id}</code> to get it.</p>", parameter("{id}")),
    api(WEIRD, "LIST_ALL_THE_THINGS_" * 8, "word " * 900),
    api(WEIRD, "insert", "Body: {\"query\": \"x\"}", parameter("body", "object")),
)  # fmt: skip
LISTED = {"data": [{"id": "blog", "last_modified": 1732137000000}]}


def written(shown: Sequence[Api], tools: Sequence[Tool], scenario: str, seed: int) -> Iterable[Candidate]:
    """What the teacher writes for the APIs, as candidates.  seed: of the request, for another reply."""
    of = {one.tool_id: one for one in tools}
    single = scenario == "G1"
    user = prompts.load("instruct/single_tool" if single else "instruct/multi_tool").render(
        n=N,
        documents=[document_of(of[one.tool_id], one, response_of(one)) for one in shown],
        examples=[],
        min_words=30,
        language="English",
        n_specific=7,
        n_complex=3,
    )
    messages = [
        {"role": "system", "content": prompts.load("instruct/system").render()},
        {"role": "user", "content": user},
    ]
    stage, reply = answer({"messages": messages}, f"digest {seed}", TeacherFaults.none())
    assert stage == "instruct"
    offered = OfferedNames([one.api_id for one in shown], names_of(tools, shown))
    for ordinal, item in enumerate(items_of(reply.content or "")):
        read = read_item(item, offered)
        yield Candidate(
            candidate_id=str(ordinal),
            sample_id="s",
            ordinal=ordinal,
            query=read.query,
            relevant_apis=read.relevant_apis,
            model="m",
            prompt_digest="d",
            seed_ids=(),
        )


def response_of(one: Api) -> Any:
    return LISTED if one.api_name.endswith("s") else None


def accepted(shown: Sequence[Api], tools: Sequence[Tool], scenario: str, seed: int) -> list[str]:
    """The queries that pass all screens."""
    offered = OfferedNames([one.api_id for one in shown], names_of(tools, shown))
    parameters = {one.api_id: one.parameters for one in shown}
    passed = []
    for candidate in written(shown, tools, scenario, seed):
        try:
            screened(candidate, scenario, offered, parameters, InstructParams())
        except BadRow:
            continue
        passed.append(candidate.query)
    return passed


SETS = [
    pytest.param(ECHOES, [ECHO], "G1", id="poor descriptions"),
    pytest.param(STORED, [STORE], "G1", id="no descriptions"),
    pytest.param((*ECHOES[:3], *STORED[:3]), [ECHO, STORE], "G2", id="two tools"),
]


@pytest.mark.parametrize(("shown", "tools", "scenario"), SETS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_instructions_for_poor_documents_pass(
    shown: Sequence[Api], tools: Sequence[Tool], scenario: str, seed: int
) -> None:
    assert len(accepted(shown, tools, scenario, seed)) == N


@pytest.mark.parametrize("odd", WEIRDS, ids=lambda one: one.api_name[:10])
def test_one_weird_document_still_brings_instructions(odd: Api) -> None:
    assert len(accepted([odd], [WEIRD], "G1", 1)) >= N // 2


def test_weird_documents_do_not_spoil_the_others() -> None:
    assert len(accepted((*WEIRDS, *STORED[:4]), [WEIRD, STORE], "G2", 1)) >= N * 0.7


@pytest.mark.parametrize(
    ("one", "asked"),
    [
        (ECHOES[1], r"\bredirect n times\b.*\bthe number \d+\b"),
        (ECHOES[2], r"\banything passed in request data\b"),
        (ECHOES[3], r'\bdecode base64url-encoded string\b.*\bvalue "SFRUUEJJTiBpcyBhd2Vzb21l"'),
        (ECHOES[4], r"\bprompt the user for authorization using HTTP Basic Auth\b.*\bpassword\b"),
        (ECHOES[5], r"\bdelete cookies as provided by the query string\b"),
        (ECHOES[6], r"\bstream n random bytes generated with given seed\b"),
        (ECHOES[9], r"\bthe status\b"),
        (STORED[0], r"\bthe buckets\b"),
        (STORED[2], r'\bthe records\b.*\bbucket id "?\w+"?.*\bcollection id\b'),
        (STORED[4], r"\bthe heartbeat\b"),
        (STORED[5], r"\bthe settings of the server\b"),
    ],
    ids=lambda value: value.api_name if isinstance(value, Api) else "",
)  # fmt: skip
def test_what_is_asked_for_is_what_the_document_offers(one: Api, asked: str) -> None:
    of = ECHO if one.tool_id == ECHO.tool_id else STORE

    queries = [candidate.query for candidate in written([one], [of], "G1", 1)]

    assert [query for query in queries if not re.search(asked, query, re.IGNORECASE)] == []


def test_an_identifier_comes_from_the_list_that_has_it_in_many() -> None:
    queries = [
        candidate.query
        for seed in (1, 2)
        for candidate in written(STORED[:2], [STORE], "G1", seed)
        if len(candidate.relevant_apis) == 2
    ]
    fed = [query for query in queries if re.search(r"of those|of them|turns up there", query)]

    assert len(queries) >= 8
    assert len(fed) >= len(queries) / 2


def test_the_documents_are_those_of_the_pipeline() -> None:
    text = document_of(ECHO, ECHOES[1], None)

    assert json.loads(text)["parameters"] == [
        {"name": "n", "type": "integer", "required": True, "description": ""}
    ]
