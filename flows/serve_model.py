"""A model behind OpenAI's protocol: a server of others, started, awaited, and stopped with us."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from flows.prefect.supervise import Child
from tasks.errors import StopRun, UsageError
from tasks.exact_json import digest_of
from tasks.model_folders import is_whole, model_digest, models_folder
from tasks.serving.bases import file_of_base, folder_of_base, require_model, template_in
from tasks.serving.gguf_file import write_gguf
from tasks.serving.servers import (
    AUTO,
    HOST,
    Server,
    Serving,
    chosen_server,
    command_of,
    require_room,
    usual_parallel,
)
from tasks.serving.template import template_of
from warehouse.files import digest_of_file
from warehouse.ids import Candidate, the_one

NEWEST = "newest"
_START_TIMEOUT_S = 1800.0  # weights of many GB from a slow disk
_PAUSE_S = 0.2
_LAST_LINES = 3
_FILES_VERSION = 1
_CANNOT = {
    "transformers": "it leaves calls as text, from which Toolloom reads them, and answers one request "
    "after the other",
}
_KILLED = {-9, 137, 247}
_NO_MEMORY = re.compile(
    r"out of memory|outofmemory|failed to allocate|bad_alloc|cannot allocate memory|unable to allocate",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ServedModel:
    """A model that answers.

    server: what serves it.  parallel: requests at once.  note: what is to be known of its template, if
    anything.  log: what the server writes.
    """

    base_url: str
    model: str
    server: Server
    parallel: int
    note: str | None
    log: Path
    process: Child

    @property
    def endpoint_id(self) -> str:
        """What it can do is remembered under this name, whatever its port."""
        return f"{self.server}:{self.model}"

    def section(self) -> str:
        """The settings that ask it.

        Of more searches at once than it answers, each would push the prompts of others out of its cache.
        """
        slow = ["timeout_s = 900", "", "[annotate]", f"concurrency = {self.parallel}"]
        lines = [
            "[llm]",
            f'base_url = "{self.base_url}"',
            f'model = "{self.model}"',
            f'endpoint_id = "{self.endpoint_id}"',
            f"concurrency = {self.parallel}",
            "max_tokens = 1024",  # a small model may find no end
            *([] if self.server == "vllm" else slow),
        ]
        return "\n".join(lines)

    def told(self) -> str:
        """For people: that it answers, what it cannot do, and the section."""
        cannot = _CANNOT.get(self.server)
        notes = [note for note in (self.note, cannot) if note is not None]
        lines = [f"{self.model} answers at {self.base_url} (served by {self.server}; Ctrl-C stops it)"]
        lines += [f"note: {note}" for note in notes]
        lines += ["", "Write this into your configuration, and name it with --config:", "", self.section()]
        return "\n".join(lines)

    def wait(self) -> None:
        """Until the server is gone.  Raises `StopRun` then."""
        while self.process.running:
            time.sleep(_PAUSE_S)
        raise _died(self.process, self.log, self.server)


@contextmanager
def serving(
    folder: Path,
    *,
    server: str = AUTO,
    port: int = 0,
    parallel: int | None = None,
    context: int | None = None,
    cache: Path | None = None,
) -> Iterator[ServedModel]:
    """Serves the model of a folder, or of a .gguf file, until the block is left.

    server: auto, vllm, llamacpp or transformers.  port: 0 is any free one.  parallel: requests at once; None:
    what suits the server.  context: tokens of a request and its reply; None: the model's, on a CPU at most
    8,192.  cache: a folder where files for llama.cpp and logs stay; None: they go.

    Raises `UsageError` for what is no such model, what is not installed and a port in use; `StopRun` for a
    server that does not start.
    """
    folder = folder.resolve()
    if folder.is_dir():
        require_model(folder)
    chosen = chosen_server(server, folder, has_gpu=has_gpu())
    with ExitStack() as stack:
        passing = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toolloom-served-")))
        work = (cache or passing).resolve()
        work.mkdir(parents=True, exist_ok=True)
        said = _what_is_served(folder, _free_port(port), parallel or usual_parallel(chosen), context)
        if chosen == "llamacpp":
            require_room(said)
            said = _with_file(said, work)
        log = work / f"{said.name}.log"
        log.unlink(missing_ok=True)
        process = stack.enter_context(Child(command_of(chosen, said, passing), cwd=passing, log=log))
        _await(process, f"http://{HOST}:{said.port}", log, chosen)
        yield ServedModel(
            base_url=f"http://{HOST}:{said.port}/v1",
            model=said.name,
            server=chosen,
            parallel=said.parallel,
            note=said.template.note,
            log=log,
            process=process,
        )


def model_folder_of(path: str, data: Path) -> Path:
    """What `toolloom serve-model` is given: a folder, a .gguf file, package:NAME, `newest`, or the digest of
    a model of the data folder, or how it begins.

    Raises `UsageError` where there is none.
    """
    file = file_of_base(path)
    if file is not None:
        return file
    if Path(path).expanduser().is_dir() and path != NEWEST:
        return folder_of_base(path, data / "bases")
    folders = [each.parent for each in models_folder(data).glob("[!.]*/card.json")]
    writers = [each for each in folders if not (each / "modules.json").is_file()]
    if path == NEWEST:
        if not writers:
            raise UsageError(
                f"no model that writes was trained in {data}",
                fix="`toolloom train` makes one; or name a folder with a model",
            )
        return max(writers, key=lambda each: ((each / "card.json").stat().st_mtime, each.name))
    known = {each.name: each for each in folders}
    named = the_one(
        path,
        [Candidate((digest,)) for digest in sorted(known)],
        several="models",
        none=f"there is no model {path}: no folder, and none of those in {models_folder(data)}",
        fix="`toolloom models` lists them; or name a folder, a .gguf file, or package:NAME",
    )
    return known[named.ids[0]]


def _what_is_served(folder: Path, port: int, parallel: int, context: int | None) -> Serving:
    """Its name changes with its bytes, since replies are kept under it."""
    if folder.is_dir():
        name = folder.name if is_whole(folder) else f"{folder.name}-{model_digest(folder)[:8]}"
        template = template_of(folder)
        return Serving(folder, name, template, port, parallel, context)
    name = f"{folder.stem}-{digest_of_file(folder)[:8]}"
    return Serving(folder, name, template_in(folder), port, parallel, context, file=folder)


def served_file(cache: Path, digest: str) -> Path:
    """The file that llama.cpp reads of a model, named by the model's digest."""
    return cache / f"{digest_of([_FILES_VERSION, digest])[:16]}.gguf"


def _with_file(said: Serving, work: Path) -> Serving:
    """With the file that llama.cpp reads, which is written once."""
    if said.file is not None:
        return said
    file = served_file(work, model_digest(said.folder))
    if not file.is_file():
        needed = sum(each.stat().st_size for each in said.folder.glob("*.safetensors"))
        if shutil.disk_usage(work).free < needed:
            raise UsageError(f"{work} has no room for a file of the model", fix="free some")
        write_gguf(said.folder, file, template=said.template.text)
    return replace(said, file=file)


def has_gpu() -> bool:
    """Whether one of NVIDIA is here."""
    return shutil.which("nvidia-smi") is not None or Path("/dev/nvidiactl").exists()


def _free_port(port: int) -> int:
    """Raises `UsageError` where it is in use."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the servers do: one that was just left
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be used: {error.strerror}", fix="name another with --port, or 0 for any"
            ) from error
        return int(probe.getsockname()[1])


def _await(process: Child, url: str, log: Path, server: Server) -> None:
    """Until it answers.  Raises `StopRun` when it ends before, or takes too long."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _answers(f"{url}/health"):
        if not process.running:
            raise _died(process, log, server)
        if time.monotonic() > deadline:
            raise StopRun(f"{server} does not answer", fix=f"see {log}")
        time.sleep(_PAUSE_S)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _died(process: Child, log: Path, server: Server) -> StopRun:
    """Why a server ended, as far as its log tells."""
    code = process.process.poll()
    said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    errors = [line for line in said if _NO_MEMORY.search(line)]
    if errors or code in _KILLED:
        what = errors[-1].strip() if errors else "it was killed, as a system without memory does"
        return StopRun(
            f"{server} ended: {what}",
            fix=f"if memory ran out, lower --context or --parallel, or serve a smaller model; its log: {log}",
        )
    last = " | ".join(line.strip() for line in said[-_LAST_LINES:] if line.strip())
    return StopRun(f"{server} ended (exit code {code}): {last or 'it said nothing'}", fix=f"see {log}")
