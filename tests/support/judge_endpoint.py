"""A judge of another name: a real endpoint that has the teacher judge, and may say something else instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import aiohttp
import orjson
from aiohttp import web
from llm_server import ApplicationThread, Json

Twist = Callable[[Json, int], str | None]
"""Of a request about an answer, and how many there were before: what is said in the teacher's place."""


class JudgeEndpoint:
    """Entering serves it.

    key: that it wants.  twist: of what is asked about answers.  down_after: questions after which it is away.
    asked: requests by what they are about (`trial` for those before the first question); keys: those sent.
    """

    def __init__(
        self,
        teacher: str,
        name: str = "second-opinion",
        *,
        key: str | None = None,
        twist: Twist | None = None,
        down_after: int | None = None,
    ) -> None:
        self.name = name
        self.asked: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.down_after = down_after
        self._teacher = teacher
        self._key = key
        self._twist = twist
        app = web.Application(client_max_size=1 << 24)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._serving = ApplicationThread(app)
        self.base_url = ""

    def __enter__(self) -> JudgeEndpoint:
        self.base_url = self._serving.__enter__() + "/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    @property
    def n_questions(self) -> int:
        return self.asked.total() - self.asked["trial"]

    def settings(self, **more: str) -> list[str]:
        """`--set` arguments that make it the judge."""
        said = {"base_url": self.base_url, "model": self.name, **more}
        return [part for name, value in said.items() for part in ("--set", f"evaluate.judge.{name}={value}")]

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.name, "object": "model"}]})

    async def _chat(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("Authorization", ""))
        body = orjson.loads(await request.read())
        if self._key is not None and request.headers.get("Authorization") != f"Bearer {self._key}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        if body["model"] != self.name:
            return web.json_response({"error": {"message": f"no model {body['model']}"}}, status=404)
        about = _about(body)
        if self.down_after is not None and about != "trial" and self.n_questions >= self.down_after:
            return web.json_response({"error": {"message": "away"}}, status=503)
        said = None
        if about == "answer_status" and self._twist is not None:
            said = self._twist(body, self.asked[about])
        self.asked[about] += 1
        reply = await self._taught(body)
        if said is not None:
            reply["choices"][0]["message"]["content"] = said
        return web.json_response({**reply, "model": self.name})

    async def _taught(self, body: Json) -> Json:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{self._teacher}/chat/completions", json={**body, "model": "toolloom-teacher"}
            ) as answer,
        ):
            reply: Json = orjson.loads(await answer.read())
            return reply


def _about(body: Json) -> str:
    """task_status, answer_status or preference; trial for what no question of a judge is."""
    schema = (body.get("response_format") or {}).get("json_schema") or {}
    name = schema.get("name", "")
    return name if name in {"task_status", "answer_status", "preference"} else "trial"
