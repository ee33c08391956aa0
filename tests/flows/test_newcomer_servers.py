"""What the servers of a run can do to it: it stops with one clear message, and what is finished is kept."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from commands import Sandbox
from faulty_servers import Between, TinyHub, Wire, half, tools_page
from llm_server import Answer, Json, completion, drops, fails, sends, waits
from refusals import Refusal, refusal
from warm import WarmToolloom

from warehouse import manifest

pytestmark = pytest.mark.slow

HTML = sends("<!doctype html><title>Sign in</title>")
TEXT = sends(completion({"role": "assistant", "content": "I would call get_rain with city=Oslo."}))
SECOND_PAGE = "/tools?page=2&page_size=3"
FEW = [
    *("--set", "probe.attempts=1"),
    *("--set", "sample.draws_per_tool=0.4"),
    *("--set", "sample.draws_per_tool_in_category=0.4"),
    *("--set", "sample.draws_per_tool_in_collection=0.4"),
    *("--set", "instruct.accepted=6"),
]
IMPATIENT = ["--set", "llm.timeout_s=0.4", "--set", "llm.outage_s=0.5"]


def kept(data: Path) -> dict[str, int]:
    """Rows of the last committed run by stage, in the stage's unit; pending ones do not count."""
    run = manifest.latest(data)
    return {} if run is None else {stage: output.counts.n_out for stage, output in run.stages.items()}


@pytest.mark.parametrize(
    ("faults", "told", "fix"),
    [
        (
            {"/tools": HTML},
            "http://hub.sandbox.test/tools?page=1&page_size=3 answered with an HTML page (text/html,",
            "check that `location` in `[[catalogue.sources]]` is the base URL of a hub's listing",
        ),
        (
            {SECOND_PAGE: fails(500)},
            f"http://hub.sandbox.test{SECOND_PAGE} answered 500",
            "the server fails on its own; crawl again later",
        ),
        (
            {SECOND_PAGE: half(tools_page(2))},
            f"http://hub.sandbox.test{SECOND_PAGE} gave no whole answer",
            "is the hub running? check `location = 'http://hub.sandbox.test'` in `[[catalogue.sources]]`",
        ),
    ],
    ids=["html", "500 midway", "half a page"],
)
def test_a_listing_that_cannot_be_read_stops_the_crawl(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    tmp_path: Path,
    faults: dict[str, Answer],
    told: str,
    fix: str,
) -> None:
    with TinyHub(faults) as hub:
        found = refusal(toolloom("refresh", *sandbox.settings(), *hub, "--data", tmp_path))

    assert found.code == 1
    assert told in found.message
    assert found.fix.startswith(fix)
    assert kept(tmp_path) == {}


def test_a_network_that_is_lost_is_no_catalogue_of_dead_apis(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    with TinyHub({"/now": drops()}) as hub:
        found = refusal(toolloom("refresh", *sandbox.settings(), *hub, *FEW, "--data", tmp_path))

    assert found.code == 1
    assert found.message.startswith("none of 6 APIs could be reached at 6 hosts (")
    assert found.fix == "check the network and `[calling] resolve`, then run the same command again"
    assert kept(tmp_path) == {"crawl": 6}


@pytest.fixture(scope="module")
def until_select(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, list[str]]]:
    """A data folder with six instructions and no searches, and the hub it is from."""
    data = tmp_path_factory.mktemp("until-select") / "data"
    with TinyHub() as hub:
        done = toolloom("refresh", *sandbox.settings(), *hub, *FEW, "--until", "select", "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
        yield data, hub


@pytest.fixture
def annotated_by(
    toolloom: WarmToolloom, sandbox: Sandbox, until_select: tuple[Path, list[str]], tmp_path: Path
) -> Callable[[Answer], Refusal]:
    """A refresh whose endpoint answers every request of a search as given."""
    data, hub = until_select
    shutil.copytree(data, tmp_path / "data")

    def refresh(answer: Answer) -> Refusal:
        def to_searches(body: Json) -> Answer | None:
            return answer if "tools" in body else None

        with Between(sandbox.teacher, to_searches) as endpoint:
            # It fails at searches from the beginning, so the trial would find it out.
            native = ["--set", "llm.tools=native"]
            arguments = [*sandbox.settings(), *hub, *FEW, *IMPATIENT, *native, *endpoint]
            return refusal(toolloom("refresh", *arguments, "--data", tmp_path / "data"))

    return refresh


@pytest.mark.parametrize(
    ("answer", "told", "fix"),
    [
        (
            sends('{"choices": [{"message": {"cont'),
            'does not speak the chat protocol: the answer is not JSON: \'{"choices": [{"message": {"cont\'',
            "[llm] base_url must be the address of an OpenAI-compatible API",
        ),
        (
            waits(5, TEXT),
            "failed at 10 requests in a row, though it is there: no complete answer within 0.4 s",
            "raise [llm] timeout_s or lower [llm] concurrency, then run the same command again",
        ),
    ],
    ids=["malformed JSON", "slow"],
)
def test_an_endpoint_of_no_use_to_searches_leaves_the_instructions(
    annotated_by: Callable[[Answer], Refusal], tmp_path: Path, answer: Answer, told: str, fix: str
) -> None:
    found = annotated_by(answer)

    assert found.code == 1
    assert told in found.message
    assert found.fix.startswith(fix)
    assert kept(tmp_path / "data")["select"] == 6


def test_a_model_that_calls_no_function_is_told_and_another_goes_on(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    until_select: tuple[Path, list[str]],
    annotated_by: Callable[[Answer], Refusal],
    tmp_path: Path,
) -> None:
    found = annotated_by(TEXT)
    before = kept(tmp_path / "data")
    done = toolloom("refresh", *sandbox.settings(), *until_select[1], *FEW, "--data", tmp_path / "data")

    assert found.code == 1
    assert found.message.startswith("the model 'toolloom-teacher' at http://127.0.0.1:")
    assert "called no function" in found.message
    assert found.message.endswith("the last answer: 'I would call get_rain with city=Oslo.'")
    assert found.fix.startswith("turn function calling on at the server (vLLM: --enable-auto-tool-choice")
    assert (before["select"], before["annotate"]) == (6, 0)
    assert done.returncode == 0, done.stderr
    assert kept(tmp_path / "data")["annotate"] == 6


def test_a_prefect_server_that_goes_midway_is_named_and_the_next_run_goes_on(
    toolloom: WarmToolloom, sandbox: Sandbox, prefect_api: str, tmp_path: Path
) -> None:
    until_probe = ["--until", "probe", "--data", str(tmp_path)]
    with Wire(prefect_api) as wire, TinyHub({"/now": _after(wire.cut)}) as hub:
        env = {"PREFECT_API_URL": wire.url, "PREFECT_CLIENT_MAX_RETRIES": "1"}
        found = refusal(toolloom("refresh", *sandbox.settings(), *hub, *until_probe, env=env))
    with TinyHub() as hub:
        done = toolloom("refresh", *sandbox.settings(), *hub, *until_probe)

    assert found.code == 1
    assert found.message.startswith(f"the Prefect server at {wire.url} failed during the run")
    assert found.fix.startswith("start it again, or unset PREFECT_API_URL; then run the same command again")
    assert done.returncode == 0, done.stderr
    assert "cached" in next(line for line in done.stdout.splitlines() if "crawl" in line)


def _after(act: Callable[[], None]) -> Answer:
    async def answer(request: web.Request, body: Json) -> web.StreamResponse:
        await asyncio.to_thread(act)
        return await sends({"temperature": 21})(request, body)

    return answer


def test_a_full_disk_stops_the_run_and_names_the_folder(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    until_crawl = ["refresh", *sandbox.settings(), "--until", "crawl", "--data", str(tmp_path)]

    found = refusal(toolloom(*until_crawl, largest_file=40_000))

    assert found.code == 1
    assert str(tmp_path) in found.message
    assert "space" in found.fix
    assert "run again" in found.fix
    assert kept(tmp_path) == {}
