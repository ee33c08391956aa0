"""HTTP servers and libraries not of our making, installed by name; servers are started on free ports.

Those in Python get an environment of their own, once, in `.servers/` of the repository, a folder that git
ignores.  What cannot be installed fails the test that needs it: skipping would look like passing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
from node_packages import installed

from flows.prefect.supervise import Child

PRISM = ("@stoplight/prism-cli", "5.14.2")
AIMOCK = ("@copilotkit/aimock", "1.43.0")
MCP_EVERYTHING = ("@modelcontextprotocol/server-everything", "2026.8.31")
FOLDER = Path(__file__).parents[2] / ".servers"

_REQUIREMENTS = Path(__file__).with_suffix(".txt")
_MODELS = Path(__file__).with_name("foreign_models.txt")
_TRAINERS = Path(__file__).with_name("foreign_trainers.txt")
_START_TIMEOUT_S = 60.0

_KINTO = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = %(http_port)s
threads = 8

[app:main]
use = egg:kinto
kinto.includes = kinto.plugins.default_bucket
kinto.storage_backend = kinto.core.storage.memory
kinto.cache_backend = kinto.core.cache.memory
kinto.permission_backend = kinto.core.permission.memory
kinto.userid_hmac_secret = not a secret
multiauth.policies = basicauth
"""


@contextmanager
def serve_httpbin(folder: Path) -> Iterator[str]:
    """httpbin; gives its base URL.  Its document is at /spec.json, its host by name httpbin.org."""
    port = _free_port()
    address = ["-b", f"127.0.0.1:{port}", "--no-control-socket"]
    workers = ["-k", "gthread", "--threads", "16"]
    command = [str(_python_servers() / "gunicorn"), *address, *workers, "httpbin.core:app"]
    with _serving(command, port, "/get", folder / "httpbin.log") as url:
        yield url


@contextmanager
def serve_kinto(folder: Path) -> Iterator[str]:
    """An empty Kinto, state in memory; any user and password are welcome.  Its document: /v1/__api__."""
    port = _free_port()
    settings = folder / "kinto.ini"
    settings.write_text(_KINTO)
    command = [str(_python_servers() / "kinto"), "start", "--ini", str(settings), "--port", str(port)]
    with _serving(command, port, "/v1/", folder / "kinto.log") as url:
        yield url


@contextmanager
def serve_prism(folder: Path, document: Path) -> Iterator[str]:
    """Prism answering for an OpenAPI document, with its examples."""
    port = _free_port()
    command = [str(installed(*PRISM) / "prism"), "mock", "-h", "127.0.0.1", "-p", str(port), str(document)]
    with _serving(command, port, "/", folder / "prism.log") as url:
        yield url


@contextmanager
def serve_aimock(folder: Path, *options: str) -> Iterator[str]:
    """aimock as a model endpoint, its fixtures in `folder`/fixtures; gives the base URL, /v1 and all."""
    port = _free_port()
    fixtures = folder / "fixtures"
    fixtures.mkdir(exist_ok=True)
    command = [str(installed(*AIMOCK) / "llmock"), "-p", str(port), "-f", str(fixtures), *options]
    with _serving(command, port, "/v1/models", folder / "aimock.log") as url:
        yield f"{url}/v1"


@contextmanager
def serve_ai_mock(folder: Path, responses: Path) -> Iterator[str]:
    """ai-mock as a model endpoint with these replies; it echoes what it has none for."""
    port = _free_port()
    uvicorn = str(_python_servers() / "uvicorn")
    command = [uvicorn, "mockai.server:app", "--host", "127.0.0.1", "--port", str(port)]
    env = {"MOCKAI_RESPONSES": str(responses), "MOCKAI_EMBEDDING_SIZE": "8"}
    with _serving(command, port, "/", folder / "ai-mock.log", env) as url:
        yield f"{url}/openai"


@contextmanager
def _serving(
    command: Sequence[str], port: int, path: str, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with Child(command, log=log, env={**os.environ, **(env or {})}) as child:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _answers(url + path):
            assert child.running, f"{command[0]} ended: {log.read_text()}"
            assert time.monotonic() < deadline, f"{command[0]} does not answer: {log.read_text()}"
            time.sleep(0.1)
        yield url


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code > 0
    except requests.RequestException:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_with_models() -> tuple[Path, dict[str, str]]:
    """A Python with what trains and serves models, and its environment, in which it sees Toolloom, too."""
    seen = os.pathsep.join([str(Path(__file__).parents[2]), sysconfig.get_path("purelib")])
    # One thread: several stall one another where others compute, too.
    env = {**os.environ, "PYTHONPATH": seen, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return _python_servers(_MODELS) / "python", env


def python_with_trainers() -> tuple[Path, dict[str, str]]:
    """`python_with_models`, and the loaders of other trainers."""
    python, env = python_with_models()

    def install(folder: Path) -> None:
        # An environment of its own would need torch a second time.
        _pip("install", "--target", str(folder), requirements=_TRAINERS)

    seen = os.pathsep.join([str(_made_once(_TRAINERS, install)), env["PYTHONPATH"]])
    return python, env | {"PYTHONPATH": seen}


def printed_with_trainers(program: str, *arguments: str, home: Path) -> str:
    """What a program prints there.  home: where the loaders may keep what they load."""
    python, env = python_with_trainers()
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", program, *arguments],
        env=env | {"HF_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _python_servers(requirements: Path = _REQUIREMENTS) -> Path:
    """The folder of the commands of what is written in Python, in an environment of its own."""

    def install(environment: Path) -> None:
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment)])
        _pip("--python", str(environment), "install", requirements=requirements)

    return _made_once(requirements, install) / "bin"


def _made_once(requirements: Path, install: Callable[[Path], None]) -> Path:
    digest = hashlib.blake2b(requirements.read_bytes() + sys.version.encode(), digest_size=8).hexdigest()
    folder = FOLDER / digest
    complete = folder / "complete"
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it
        if not complete.exists():
            install(folder)
            complete.touch()
    return folder


def _pip(*options: str, requirements: Path) -> None:
    # Of most of it nothing is ever imported, so nothing need be compiled before.
    quiet = ["--quiet", "--no-compile", "--no-deps", "-r", str(requirements)]
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", *options, *quiet])


def _run(command: Sequence[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert finished.returncode == 0, f"{' '.join(command)}\n{finished.stdout}\n{finished.stderr}"


if __name__ == "__main__":
    _python_servers()
    python_with_trainers()
    for package in (PRISM, AIMOCK, MCP_EVERYTHING):
        installed(*package)
