"""OpenAI's files and batches endpoints, as far as chat completions in batches need them.

    POST   /v1/files                   multipart: purpose "batch" and a JSONL file
    GET    /v1/files/{id}              and DELETE
    GET    /v1/files/{id}/content
    POST   /v1/batches                 GET lists them, newest first
    GET    /v1/batches/{id}
    POST   /v1/batches/{id}/cancel
    POST   /batches/script             what becomes of the next batches (see `Script`); for tests

Everything is kept in memory.  A batch is worked off in the background, a line at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import BodyPartReader, web
from pydantic import ValidationError

from sandbox.teaching.batch import Batch, Script, checked_lines
from sandbox.teaching.protocol import CREATED, ProtocolError
from sandbox.teaching.reply import Json

Complete = Callable[[bytes], Json]
Handler = Callable[[web.Request], Any]

_LARGEST_FILE = 512 * 1024 * 1024


class Batches:
    """The routes' state.  complete: the completion for a chat body; raises `ProtocolError`."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete
        self._files: dict[str, tuple[Json, bytes]] = {}
        self._batches: dict[str, Batch] = {}
        self._script = Script()
        self._at_work: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application, guard: Callable[[Handler], Handler]) -> None:
        """guard: refuses who has no key."""
        app.router.add_post("/v1/files", guard(self._upload))
        app.router.add_get("/v1/files/{id}", guard(self._file))
        app.router.add_delete("/v1/files/{id}", guard(self._delete))
        app.router.add_get("/v1/files/{id}/content", guard(self._content))
        app.router.add_post("/v1/batches", guard(self._create))
        app.router.add_get("/v1/batches", guard(self._list))
        app.router.add_get("/v1/batches/{id}", guard(self._show))
        app.router.add_post("/v1/batches/{id}/cancel", guard(self._cancel))
        app.router.add_post("/batches/script", self._prescribe)
        app.on_cleanup.append(self._stop)

    async def _upload(self, request: web.Request) -> Json:
        if not request.content_type.startswith("multipart/"):
            raise ProtocolError(400, "A file is uploaded as multipart/form-data.")
        fields: dict[str, bytes] = {}
        name = ""
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader):
                fields[part.name or ""] = bytes(await part.read())
                name = part.filename or name
        if "file" not in fields or fields.get("purpose") != b"batch":
            raise ProtocolError(400, "Give a 'file', and 'batch' as its 'purpose'.", param="purpose")
        if len(fields["file"]) > _LARGEST_FILE:
            raise ProtocolError(413, "The file is larger than 512 MB.", param="file")
        return self._kept(fields["file"], name, "batch")

    def _kept(self, content: bytes, name: str, purpose: str) -> Json:
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        file_id = f"file-{digest}{len(self._files):04d}"
        described: Json = {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": CREATED,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self._files[file_id] = described, content
        return described

    def _stored(self, request: web.Request) -> tuple[Json, bytes]:
        try:
            return self._files[request.match_info["id"]]
        except KeyError:
            raise ProtocolError(404, f"No such File object: {request.match_info['id']}", param="id") from None

    async def _file(self, request: web.Request) -> Json:
        return self._stored(request)[0]

    async def _delete(self, request: web.Request) -> Json:
        described = self._stored(request)[0]
        del self._files[described["id"]]
        return {"id": described["id"], "object": "file", "deleted": True}

    async def _content(self, request: web.Request) -> bytes:
        return self._stored(request)[1]

    async def _create(self, request: web.Request) -> Json:
        try:
            asked = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise ProtocolError(400, f"The body is not valid JSON: {error}") from error
        if not isinstance(asked, dict):
            raise ProtocolError(400, "The body must be a JSON object.")
        described = self._files.get(str(asked.get("input_file_id")))
        if described is None:
            raise ProtocolError(400, "There is no such 'input_file_id'.", param="input_file_id")
        if asked.get("endpoint") != "/v1/chat/completions" or asked.get("completion_window") != "24h":
            raise ProtocolError(400, "Batches are of /v1/chat/completions, within 24h.", param="endpoint")
        batch = Batch(
            id=f"batch_{len(self._batches):08d}",
            input_file_id=asked["input_file_id"],
            metadata=asked.get("metadata") or {},
            fate=self._script.next_fate(),
            delay_s=self._script.delay_s,
        )
        self._batches[batch.id] = batch
        task = asyncio.create_task(self._work(batch, described[1]))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return batch.as_json()

    async def _work(self, batch: Batch, content: bytes) -> None:
        lines = checked_lines(batch, content)
        if lines is None:
            return
        batch.begin(len(lines))
        await asyncio.sleep(batch.delay_s)
        for number, line in enumerate(lines):
            if batch.ends_before(number):
                break
            batch.answer(number, line, self._complete)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        output, errors = batch.results(lines)
        if output:
            batch.output_file_id = self._kept(output, f"{batch.id}_output.jsonl", "batch_output")["id"]
        if errors:
            batch.error_file_id = self._kept(errors, f"{batch.id}_error.jsonl", "batch_output")["id"]
        batch.end()

    def _found(self, request: web.Request) -> Batch:
        try:
            return self._batches[request.match_info["id"]]
        except KeyError:
            raise ProtocolError(404, f"No batch found with id '{request.match_info['id']}'.") from None

    async def _show(self, request: web.Request) -> Json:
        return self._found(request).as_json()

    async def _list(self, request: web.Request) -> Json:
        newest_first = [batch.as_json() for batch in reversed(self._batches.values())]
        ids = [batch["id"] for batch in newest_first]
        after = request.query.get("after")
        start = ids.index(after) + 1 if after in ids else 0
        page = newest_first[start : start + int(request.query.get("limit", 20))]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + len(page) < len(newest_first),
        }

    async def _cancel(self, request: web.Request) -> Json:
        batch = self._found(request)
        batch.cancel()
        return batch.as_json()

    async def _prescribe(self, request: web.Request) -> web.Response:
        try:
            self._script = Script.model_validate_json(await request.read())
        except ValidationError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(body=self._script.model_dump_json(), content_type="application/json")

    async def _stop(self, _: web.Application) -> None:
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
