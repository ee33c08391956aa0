"""Servers that exist: which one suits a model here, and the command that starts it.

All speak OpenAI's protocol.  Nothing of them is imported here.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from tasks.errors import UsageError
from tasks.serving.gguf_file import require_writable
from tasks.serving.template import Template

Server = Literal["vllm", "llamacpp", "transformers"]
SERVERS: tuple[Server, ...] = ("vllm", "llamacpp", "transformers")
AUTO = "auto"
HOST = "127.0.0.1"
_NEEDS: dict[Server, tuple[str, ...]] = {
    "vllm": ("vllm",),
    "llamacpp": ("xllamacpp", "gguf"),
    "transformers": ("transformers", "torch", "uvicorn", "fastapi"),
}
_INSTALL: dict[Server, str] = {
    "vllm": "pip install vllm, in an environment of its own, where a GPU is",
    "llamacpp": "in a checkout: .venv/bin/pip install -e '.[serve]'",
    "transformers": "pip install 'transformers[serving]'",
}
_USUAL_CONTEXT = 8192
_AT_ONCE_ON_A_GPU = 32


@dataclass(frozen=True)
class Serving:
    """What is to be served, where, and how.

    folder: of the model.  file: for llama.cpp.  name: of the model to those who ask.  parallel: requests at
    once.  context: tokens of each.
    """

    folder: Path
    name: str
    template: Template
    port: int
    parallel: int
    context: int | None
    file: Path | None = None


def chosen_server(wanted: str, model: Path, *, has_gpu: bool) -> Server:
    """The one that is wanted; for `auto`, the first that is installed and can serve the folder or file.

    Raises `UsageError` where it is not installed, or cannot serve the model.
    """
    if wanted == AUTO:
        return _first_that_can(model, has_gpu=has_gpu)
    server = next((each for each in SERVERS if each == wanted), None)
    if server is None:
        raise UsageError(f"there is no server {wanted}", fix=f"name one of {AUTO}, {', '.join(SERVERS)}")
    missing = _missing(server)
    if missing:
        raise UsageError(
            f"the server {server} needs {', '.join(missing)}, not installed here", fix=_INSTALL[server]
        )
    _require_able(server, model)
    return server


def _first_that_can(model: Path, *, has_gpu: bool) -> Server:
    why: UsageError | None = None
    for server in SERVERS:
        if _missing(server) or (server == "vllm" and not has_gpu):
            continue
        try:
            _require_able(server, model)
        except UsageError as error:
            why = why or error
        else:
            return server
    raise why or UsageError(
        "nothing that serves models is installed here",
        fix=f"on a CPU, {_INSTALL['llamacpp']}; with a GPU, {_INSTALL['vllm']}",
    )


def _require_able(server: Server, model: Path) -> None:
    """Raises `UsageError` where it cannot serve that folder or file."""
    if model.is_dir():
        if server == "llamacpp":
            require_writable(model)
    elif server != "llamacpp":
        raise UsageError(f"{server} does not serve {model.name}", fix="--server llamacpp serves .gguf files")


def _missing(server: Server) -> list[str]:
    return [name for name in _NEEDS[server] if find_spec(name) is None]


def usual_parallel(server: Server) -> int:
    """Requests at once, where nothing is said: a CPU is busy with one."""
    return _AT_ONCE_ON_A_GPU if server == "vllm" else 1


def usual_context(folder: Path) -> int:
    """Tokens of a request and its reply that a CPU's memory is set aside for, where nothing is said."""
    own = _config(folder).get("max_position_embeddings")
    return min(own, _USUAL_CONTEXT) if isinstance(own, int) else _USUAL_CONTEXT


def require_room(serving: Serving) -> None:
    """Raises `UsageError` for a context longer than the model's, or one that memory cannot hold.

    llama.cpp sets memory aside for the whole of it at the beginning, and is killed where there is none.
    """
    config = _config(serving.folder)
    if not config:  # a file, which says so itself
        return
    context = serving.context or usual_context(serving.folder)
    if context > config["max_position_embeddings"]:
        raise UsageError(
            f"{serving.name} has a context of {config['max_position_embeddings']:,} tokens, not {context:,}",
            fix="lower --context",
        )
    heads = config["num_attention_heads"]
    a_head = config.get("head_dim") or config["hidden_size"] // heads
    of_a_token = 4 * config["num_hidden_layers"] * (config.get("num_key_value_heads") or heads) * a_head
    weights = sum(file.stat().st_size for file in serving.folder.glob("*.safetensors")) // 4  # in Q8_0
    needed = weights + of_a_token * context * serving.parallel
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise UsageError(
            f"{serving.parallel} times {context:,} tokens of {serving.name} need {needed / 2**30:,.0f} GB of "
            f"memory, and there are {there / 2**30:,.0f}",
            fix="lower --context or --parallel",
        )


def _config(folder: Path) -> dict[str, Any]:
    """Empty: there is none."""
    try:
        read = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def command_of(server: Server, serving: Serving, work: Path) -> list[str]:
    """What starts it, in the folder `work`, where it may find what it needs."""
    if server == "vllm":
        return _vllm(serving, work)
    if server == "llamacpp":
        return _llamacpp(serving)
    _link(serving, work / serving.name)
    serve = [sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", serving.name]
    return [*serve, "--host", HOST, "--port", str(serving.port)]


def _link(serving: Serving, place: Path) -> None:
    """The model's files once more, under the name by which it is asked for: transformers takes no other."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for file in serving.folder.iterdir():
        (place / file.name).symlink_to(file.resolve())
    if serving.template.text is not None and not serving.template.is_own:
        template = place / "chat_template.jinja"
        template.unlink(missing_ok=True)
        template.write_text(serving.template.text, encoding="utf-8")


def _vllm(serving: Serving, work: Path) -> list[str]:
    command = [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(serving.folder), "--served-model-name", serving.name]
    command += ["--host", HOST, "--port", str(serving.port), "--max-num-seqs", str(serving.parallel)]
    if serving.context is not None:
        command += ["--max-model-len", str(serving.context)]
    template = serving.template
    if template.text is not None and not template.is_own:
        path = work / "chat_template.jinja"
        path.write_text(template.text, encoding="utf-8")
        command += ["--chat-template", str(path)]
    if template.parser is not None:
        command += ["--enable-auto-tool-choice", "--tool-call-parser", template.parser]
    return command


def _llamacpp(serving: Serving) -> list[str]:
    threads = os.environ.get("OMP_NUM_THREADS", "")
    said = {
        "file": str(serving.file),
        "name": serving.name,
        "template": serving.template.text,
        "host": HOST,
        "port": serving.port,
        "parallel": serving.parallel,
        "context": serving.context or usual_context(serving.folder),
        "threads": int(threads) if threads.isdigit() and int(threads) else os.cpu_count() or 1,
    }
    return [sys.executable, "-P", "-m", "tasks.serving.llama_server", json.dumps(said)]
