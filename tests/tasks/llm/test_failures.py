from __future__ import annotations

import orjson
import pytest

from tasks.errors import (
    BrokenContract,
    EndpointDown,
    RateLimited,
    RequestRefused,
    ServerFailed,
    ToolloomError,
    Transient,
)
from tasks.llm.failures import (
    Ambiguous,
    KeyRefused,
    ModelUnknown,
    TimedOut,
    failure_of,
    refusal_in,
)
from tasks.llm.retry import RETRIES


def error(message: str = "no", **fields: str) -> bytes:
    return orjson.dumps({"error": {"message": message, **fields}})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error(), RequestRefused),
        (400, error("Model Not Exist"), Ambiguous),
        (400, error("bad value", code="unsupported_value", param="temperature"), BrokenContract),
        (401, error(), KeyRefused),
        (402, error(), EndpointDown),
        (403, error(), Ambiguous),
        (403, error("Not for you", code="permission_denied"), KeyRefused),
        (403, error("The prompt was flagged."), RequestRefused),
        (400, error("no such model", code="model_not_found"), ModelUnknown),
        (400, error("I quote: my model railway was not found"), Ambiguous),
        (400, error("bad", code="unsupported_value", param="messages[2].content"), RequestRefused),
        (404, error("The model `x` does not exist.", code="model_not_found"), ModelUnknown),
        (404, error('model "x" not found, try pulling it first'), ModelUnknown),
        (404, error("No provider supports tools"), RequestRefused),
        (404, b"404 page not found", ModelUnknown),
        (404, b'{"detail":"Not Found"}', ModelUnknown),
        (405, b'{"detail":"Method Not Allowed"}', ModelUnknown),
        (405, b"", ModelUnknown),
        (408, error(), TimedOut),
        (409, error(), ServerFailed),
        (413, error(), RequestRefused),
        (422, orjson.dumps({"detail": [{"loc": ["body"]}]}), RequestRefused),
        (429, error(), RateLimited),
        (429, error(code="insufficient_quota"), EndpointDown),
        (500, b"", ServerFailed),
        (501, b"", ModelUnknown),
        (502, b"<html>", ServerFailed),
        (503, b"<html>", RateLimited),
        (504, b"", ServerFailed),
        (529, error(), RateLimited),
        (302, b"", ModelUnknown),
    ],
)
def test_what_a_status_means(status: int, body: bytes, kind: type[ToolloomError]) -> None:
    assert type(failure_of(status, {}, body)) is kind


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("context_length_exceeded", "context_too_long"),
        ("content_filter", "content_filtered"),
        ("anything", "endpoint_refused"),
    ],
)
def test_why_a_request_is_refused(code: str, reason: str) -> None:
    failure = failure_of(400, {}, error("too much", code=code))
    assert isinstance(failure, RequestRefused)
    assert (failure.reason, failure.message) == (reason, "HTTP 400: too much")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "a\\n b"}}', "a b"),
        (b'{"error": "plain"}', "plain"),
        (b'{"object": "error", "message": "vLLM", "code": 400}', "vLLM"),
        (b'{"detail": "FastAPI"}', "FastAPI"),
        (b'[{"error": {"message": "Google"}}]', "Google"),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"\xff\xfe", "��"),
        (b"", ""),
        (b"x" * 1000, "x" * 300 + " ..."),
    ],
)
def test_what_an_error_body_says(body: bytes, message: str) -> None:
    assert refusal_in(body).message == message


def test_every_transient_failure_is_in_the_table() -> None:
    def kinds(of: type[Transient]) -> set[type[Transient]]:
        return {of}.union(*(kinds(kind) for kind in of.__subclasses__()))

    raised_here = {
        kind for kind in kinds(Transient) if kind.__module__.startswith(("tasks.errors", "tasks.llm"))
    }
    assert raised_here - {Transient} == set(RETRIES)
