"""One batch of chat requests: its state, its lines, its results, and what a test wants to become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from sandbox.teaching.protocol import CREATED, ProtocolError
from sandbox.teaching.reply import Json

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

    def begin(self, total: int) -> None:
        self.total = total
        if self.status == "validating":
            self.status = "in_progress"

    def cancel(self) -> None:
        if self.status not in _OVER:
            self.fate, self.status = "cancelled", "cancelling"

    def ends_before(self, number: int) -> bool:
        return self.status == "cancelling" or (
            self.fate in {"expired", "cancelled"} and number >= self.total // 2
        )

    def answer(self, number: int, line: Json, complete: Callable[[bytes], Json]) -> None:
        unlucky = number % _ONE_IN == 0
        if self.fate == "lost_lines" and unlucky:
            return
        failure = ProtocolError(500, "The server had an error.", type="server_error")
        status, body = failure.status, failure.body()
        if self.fate != "failing_lines" or not unlucky:
            status, body = _answer(line, complete)
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

    def end(self) -> None:
        self.status = self.fate if self.fate in {"expired", "cancelled"} else "completed"

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


def _answer(line: Json, complete: Callable[[bytes], Json]) -> tuple[int, Json]:
    try:
        return 200, complete(orjson.dumps(line["body"]))
    except ProtocolError as error:
        return error.status, error.body()


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
