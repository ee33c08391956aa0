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
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from aiohttp import BodyPartReader, web
from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.teacher.protocol import CREATED, Json, ProtocolError

Complete = Callable[[bytes], Json]
Handler = Callable[[web.Request], Any]

_LARGEST_FILE = 512 * 1024 * 1024
Fate = Literal["", "invalid", "token_limit", "expired", "failing_lines", "lost_lines", "cancelled"]

MOST_LINES = 50_000
LARGEST_INPUT = 200 * 1024 * 1024
_URL = "/v1/chat/completions"
_WINDOW_S = 86_400
_ONE_IN = 3
_OVER = frozenset({"failed", "completed", "expired", "cancelled"})


class Script(BaseModel):
    """fates: of the next batches, in order.  delay_s: seconds before the first line.

    invalid: the first line does not pass validation; token_limit: too much is enqueued already; expired,
    cancelled: in the middle; failing_lines: every third has status 500; lost_lines: every third is in no
    result.
    """

    model_config = ConfigDict(extra="forbid")

    fates: list[Fate] = []
    delay_s: float = 0.0

    def next_fate(self) -> Fate:
        return self.fates.pop(0) if self.fates else ""


@dataclass
class Batch:
    """A batch, from its creation to its results."""

    id: str
    input_file_id: str
    metadata: dict[str, str]
    fate: Fate
    delay_s: float
    status: str = "validating"
    errors: list[Json] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    _answered: dict[int, Json] = field(default_factory=dict)

    def fail(self, code: str, message: str, line: int | None = None) -> None:
        self.errors.append({"code": code, "message": message, "param": None, "line": line})
        self.status = "failed"

    def answer(self, number: int, line: Json, complete: Callable[[bytes], Json]) -> None:
        unlucky = number % _ONE_IN == 0
        if self.fate == "lost_lines" and unlucky:
            return
        failure = ProtocolError(500, "The server had an error.", type="server_error")
        status, body = failure.status, failure.body()
        if self.fate != "failing_lines" or not unlucky:
            try:
                status, body = 200, complete(orjson.dumps(line["body"]))
            except ProtocolError as error:
                status, body = error.status, error.body()
        self._answered[number] = {"status_code": status, "request_id": f"req_{number}", "body": body}

    def results(self, lines: list[Json]) -> tuple[bytes, bytes]:
        """The output file and the error file, in no order that could be relied on."""
        output: list[Json] = []
        errors: list[Json] = []
        for number, line in reversed(list(enumerate(lines))):
            response = self._answered.get(number)
            result = {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "response": response}
            if response is not None:
                good = response["status_code"] == 200
                (output if good else errors).append({**result, "error": None})
            elif self.fate in {"expired", "cancelled"}:
                code = f"batch_{self.fate}"
                errors.append({**result, "error": {"code": code, "message": f"This batch {self.fate}."}})
        return _jsonl(output), _jsonl(errors)

    def as_json(self) -> Json:
        good = sum(response["status_code"] == 200 for response in self._answered.values())
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": _URL,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": CREATED,
            "expires_at": CREATED + _WINDOW_S,
            "request_counts": {
                "total": self.total,
                "completed": good,
                "failed": len(self._answered) - good,
            },
            "metadata": self.metadata,
        }


def checked_lines(batch: Batch, content: bytes) -> list[Json] | None:
    """The requests of an input file; None when the batch does not pass, and then it says why."""
    if batch.fate == "token_limit":
        batch.fail("token_limit_exceeded", "Enqueued token limit reached for toolloom-teacher.")
        return None
    if len(content) > LARGEST_INPUT:
        batch.fail("file_too_large", "The input file is larger than 200 MB.")
        return None
    lines: list[Json] = []
    seen: set[str] = set()
    for number, raw in enumerate(content.splitlines(), start=1):
        line = _line(raw)
        if line is None or (batch.fate == "invalid" and number == 1):
            batch.fail("invalid_json_line", "This line is no request of a batch.", number)
        elif line["custom_id"] in seen:
            batch.fail("duplicate_custom_id", "The custom_id of this line is taken.", number)
        else:
            seen.add(line["custom_id"])
            lines.append(line)
    if not lines and not batch.errors:
        batch.fail("empty_file", "The input file is empty.")
    if len(lines) > MOST_LINES:
        batch.fail("too_many_requests", "The input file has more than 50,000 requests.")
    return None if batch.errors else lines


def _line(raw: bytes) -> Json | None:
    try:
        line: Json = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    sound = (
        isinstance(line, dict)
        and isinstance(line.get("custom_id"), str)
        and line.get("method") == "POST"
        and line.get("url") == _URL
        and isinstance(line.get("body"), dict)
    )
    return line if sound else None


def _jsonl(lines: list[Json]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


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
        batch.total = len(lines)
        if batch.status == "validating":
            batch.status = "in_progress"
        await asyncio.sleep(batch.delay_s)
        for number, line in enumerate(lines):
            ends_midway = batch.fate in {"expired", "cancelled"} and number >= batch.total // 2
            if batch.status == "cancelling" or ends_midway:
                break
            batch.answer(number, line, self._complete)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        output, errors = batch.results(lines)
        if output:
            batch.output_file_id = self._kept(output, f"{batch.id}_output.jsonl", "batch_output")["id"]
        if errors:
            batch.error_file_id = self._kept(errors, f"{batch.id}_error.jsonl", "batch_output")["id"]
        batch.status = batch.fate if batch.fate in {"expired", "cancelled"} else "completed"

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
        if batch.status not in _OVER:
            batch.fate, batch.status = "cancelled", "cancelling"
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
