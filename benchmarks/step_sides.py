"""What bench_steps measures, each in a process of its own: `step_sides.py SIDE LOAD`, the load as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import openai
import orjson
import step_world as world
from local_servers import begin, ideal_s, latencies
from step_layers import IN_FLIGHT, cpu_ms, layers, requests_of

from tasks.llm.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Searches of so many steps, so many of them in flight, against model and API."""

    model: str
    api: str
    kind: str
    steps: int
    slots: int
    searches: int

    @property
    def queries(self) -> int:
        return self.searches * self.steps

    @property
    def ideal_s(self) -> float:
        return ideal_s(latencies(self.kind, self.queries), self.slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """cpu_ms: a query.  peak_mb: resident, at most while searches were made."""

    wall_s: float
    cpu_ms: float
    peak_mb: float = 0.0


def resident_mb() -> float:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096 / 1e6


class Watch:
    """The highest resident memory from its start to its end."""

    def __init__(self, still_asking: Callable[[], bool]) -> None:
        self.peak_mb = 0.0
        self._still_asking = still_asking
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02) and self._still_asking():
            self.peak_mb = max(self.peak_mb, resident_mb())


def ours(load: Load) -> Measured:
    """Shard tasks of `annotate`, as many at once as in a run; the clock starts when connections are there."""
    from flows.stages import SHARDS_AT_ONCE  # noqa: PLC0415 - other sides need no Prefect
    from tasks.annotate import work  # noqa: PLC0415
    from tasks.frame.services import close_services, services_of  # noqa: PLC0415
    from tasks.search.params import AnnotateParams  # noqa: PLC0415

    params = AnnotateParams(concurrency=load.slots)
    with tempfile.TemporaryDirectory() as folder:
        run = world.run_of(Path(folder), load.model, load.api, load.slots)

        def search(shard: int, numbers: range) -> None:
            rows = world.Shard.of(run.data, numbers)
            tables = (rows.instructions, rows.documents, rows.apis, rows.tools)
            work(services_of(run), params, shard, *tables, None, "sampled")

        def search_all(numbers: range) -> None:
            size = params.instructions_per_shard
            shards = [numbers[at : at + size] for at in range(0, len(numbers), size)]
            with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
                list(pool.map(search, range(len(shards)), shards))

        search_all(range(load.searches, load.searches + load.slots))
        asyncio.run(begin(load.model, load.kind, load.queries))
        ledger = services_of(run).model.ledger
        total = ledger.used.requests + load.queries
        with Watch(lambda: ledger.used.requests < total) as watch:
            begun, cpu = time.perf_counter(), time.process_time()
            search_all(range(load.searches))
            wall_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
        close_services()
    return Measured(wall_s=wall_s, cpu_ms=cpu_s * 1000 / load.queries, peak_mb=watch.peak_mb)


async def bodies_of(load: Load) -> list[bytes]:
    """The bodies of a search's requests, as our endpoint sends them."""
    async with Endpoint(world.llm(load.model, load.slots)) as endpoint:
        return [endpoint.prepare(request).body for request in await requests_of(load.steps)]


async def raw(load: Load) -> Measured:
    bodies, headers = await bodies_of(load), {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(body: bytes) -> Any:
            async with session.post(f"{load.model}/chat/completions", data=body, headers=headers) as answer:
                return orjson.loads(await answer.read())

        async def call(arguments: dict[str, str]) -> object:
            async with session.get(f"{load.api}/operation_0", params=arguments) as answer:
                return orjson.loads(await answer.read())

        async def search(_: object) -> None:
            for body in bodies:
                said = (await ask(body))["choices"][0]["message"]["tool_calls"][0]["function"]
                if said["name"] != "Finish":
                    await call(orjson.loads(said["arguments"]))

        async def search_all(searches: int) -> None:
            left = iter(range(searches))

            async def keep_on() -> None:
                for number in left:
                    await search(number)

            await asyncio.gather(*(keep_on() for _ in range(load.slots)))

        await search_all(load.slots)
        await begin(load.model, load.kind, load.queries)
        begun, cpu = time.perf_counter(), time.process_time()
        await search_all(load.searches)
        wall_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    return Measured(wall_s=wall_s, cpu_ms=cpu_s * 1000 / load.queries)


async def plain(load: Load) -> Measured:
    """AsyncOpenAI as it comes; calls no API and keeps nothing."""
    wires = [orjson.loads(body) for body in await bodies_of(load)]
    async with openai.AsyncOpenAI(base_url=load.model, api_key="none") as client:

        async def ask(number: int) -> object:
            return await client.chat.completions.create(**wires[number % len(wires)])

        await cpu_ms(ask, IN_FLIGHT * 2)
        begun = time.perf_counter()
        cpu = await cpu_ms(ask, load.queries)
        return Measured(wall_s=time.perf_counter() - begun, cpu_ms=cpu)


def by_layer(load: Load) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(layers(Path(folder), (load.model, load.api), load.steps, load.searches))


MEASURES: dict[str, Callable[[Load], object]] = {
    "ours": lambda load: asdict(ours(load)),
    "raw": lambda load: asdict(asyncio.run(raw(load))),
    "plain": lambda load: asdict(asyncio.run(plain(load))),
    "layers": by_layer,
}


if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](Load(**json.loads(sys.argv[2])))))
