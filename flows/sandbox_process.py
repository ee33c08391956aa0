"""The sandbox a run asked for: started before it, stopped after it, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from flows.params import Config
from flows.prefect.supervise import PYTHON, Child
from tasks.errors import UsageError
from tasks.llm.params import LlmParams

Endpoint = TypeVar("Endpoint", bound=LlmParams)
START_TIMEOUT_S = 60.0
TEACHER_HOST = "teacher.sandbox.test"


@contextmanager
def open_sandbox(config: Config, data: Path) -> Iterator[Config]:
    """The configuration with the sandbox's addresses filled in; unchanged when no sandbox is wanted."""
    if not config.sandbox.serve:
        yield config
        return
    require_libraries()
    command = [*PYTHON, "sandbox.serve", "--hub-port", "0", "--teacher-port", "0"]
    command += ["--fault-rate", str(config.sandbox.fault_rate)]
    if config.sandbox.changes is not None:
        command += ["--changes", str(config.sandbox.changes)]
    log = data / "sandbox.log"
    with Child(command, log=log, read_stdout=True) as child:
        line = child.read_line(START_TIMEOUT_S)
        if line is None:
            raise UsageError("the sandbox did not start", fix=f"see {log}")
        yield at_addresses(config, **json.loads(line))


def require_libraries() -> None:
    """Raises `UsageError` where the extra `sandbox` is not installed: one's own APIs do without it."""
    try:
        import_module("sandbox")
    except ImportError as missing:
        raise UsageError(
            str(missing),
            fix="install them, in a checkout of toolloom: pip install '.[sandbox]'; for APIs of your own "
            "none is needed: name a configuration with --config (flows/profiles/ has examples)",
        ) from missing


def at_addresses(config: Config, *, hub: str, teacher: str) -> Config:
    """Sandbox names resolve to the hub, the teacher's to the teacher, and neither is started again.

    Another model endpoint stays what it is: a model of one's own may work on the sandbox's APIs.
    """
    calling = config.calling.model_copy(update={"resolve": {**config.calling.resolve, "*.sandbox.test": hub}})
    judge = None if config.evaluate.judge is None else _taught(config.evaluate.judge, teacher)
    retriever, vectors = config.retriever, config.retriever.endpoint
    if vectors is not None:
        retriever = retriever.model_copy(update={"endpoint": _taught(vectors, teacher)})
    changed = {
        "calling": calling,
        "llm": _taught(config.llm, teacher),
        "evaluate": config.evaluate.model_copy(update={"judge": judge}),
        "retriever": retriever,
        "sandbox": config.sandbox.model_copy(update={"serve": False}),
    }
    return config.model_copy(update=changed)


def _taught(llm: Endpoint, teacher: str) -> Endpoint:
    if urlsplit(llm.base_url).hostname != TEACHER_HOST:
        return llm
    return llm.model_copy(update={"base_url": teacher, "endpoint_id": llm.base_url})
