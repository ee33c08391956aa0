"""`toolloom serve-model`: what it serves, what it says, and that it stops; against the real servers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import tiny_llama
from chat_template import CONVERSATIONS, QUESTION, TEXTS, WEATHER, rendered, says, with_text
from foreign_servers import python_with_models
from typer.testing import CliRunner

from flows.cli import app
from flows.serve_model import model_folder_of
from tasks.errors import UsageError
from tasks.serving.template import chatml_tools

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("newest", "bbb1"),
        ("aaa", "aaa1"),
        ("bbb1", "bbb1"),
        ("ccc1", "ccc1"),  # a retriever, which is refused when it is to be served
    ],
)
def test_models_of_the_data_folder(tmp_path: Path, given: str, found: str) -> None:
    for number, name in enumerate(("aaa1", "bbb1", "ccc1")):
        card = tmp_path / "models" / name / "card.json"
        card.parent.mkdir(parents=True)
        card.write_text("{}")
        os.utime(card, (number, number))
    (tmp_path / "models" / "ccc1" / "modules.json").write_text("[]")
    assert model_folder_of(given, tmp_path) == tmp_path / "models" / found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("newest", "no model that writes was trained in"),
        ("nosuch", "there is no model nosuch: no folder, and none of those in"),
        ("gone.gguf", "there is no file gone.gguf"),
        ("package:llm-no-such", "the package llm-no-such, which holds the base model, is not installed"),
    ],
)
def test_a_model_that_is_not_there(tmp_path: Path, given: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        model_folder_of(given, tmp_path)
    assert refused.value.message.startswith(said)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"modules.json": "[]"}, "holds a retriever, which finds APIs and does not write"),
        ({}, "holds no model: there is no config.json"),
    ],
)
def test_a_folder_that_cannot_be_served(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = CliRunner().invoke(app, ["serve-model", str(tmp_path), "--data", str(tmp_path / "data")])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"toolloom: {tmp_path} {said}\n  fix: ")


def test_without_a_server_it_says_what_to_install(tmp_path: Path) -> None:
    model = tiny_llama.write(tmp_path / "model")
    done = CliRunner().invoke(app, ["serve-model", str(model), "--data", str(tmp_path / "data")])
    assert done.exit_code == 2
    assert done.stderr.startswith("toolloom: nothing that serves models is installed here\n  fix: on a CPU, ")


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    told: str

    @property
    def section(self) -> dict[str, str]:
        return dict(re.findall(r"^(\w+) = \"?([^\"\n]+)\"?$", self.told, re.MULTILINE))

    @property
    def url(self) -> str:
        return self.section["base_url"].removesuffix("/v1")

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        read: dict[str, Any] = answer.json()
        return read


def begin(model: Path, data: Path, *more: str) -> subprocess.Popen[str]:
    python, env = python_with_models()
    command = [str(python), "-m", "flows", "serve-model", str(model), "--data", str(data), *more]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def started(model: Path, data: Path, *more: str) -> Served:
    process = begin(model, data, "--port", "0", *more)
    assert process.stdout is not None
    lines: list[str] = []
    while lines[-2:-1] != ["[annotate]\n"]:  # the last section, of one line
        line = process.stdout.readline()
        assert line, process.communicate()
        lines.append(line)
    return Served(process, "".join(lines))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama.write(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def served(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Ended by Ctrl-C, the server with it."""
    running = started(tiny, tmp_path_factory.mktemp("data"))
    yield running
    running.process.send_signal(signal.SIGINT)
    assert running.process.communicate(timeout=30) == ("stopped\n", "")
    assert running.process.returncode == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url, timeout=5)


@pytest.fixture(scope="module")
def transformers(tiny: Path) -> dict[str, Any]:
    python, env = python_with_models()
    env["PYTHONPATH"] += os.pathsep + str(SUPPORT)
    done = subprocess.run(
        [str(python), str(SUPPORT / "read_by_transformers.py"), str(tiny)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.mark.slow
def test_it_says_how_it_is_asked(served: Served) -> None:
    name, url = served.section["model"], served.section["base_url"]
    assert re.fullmatch("tiny-[0-9a-f]{8}", name)
    assert served.told == (
        f"{name} answers at {url} (served by llamacpp; Ctrl-C stops it)\n\n"
        "Write this into your configuration, and name it with --config:\n\n"
        f'[llm]\nbase_url = "{url}"\nmodel = "{name}"\nendpoint_id = "llamacpp:{name}"\n'
        "concurrency = 1\nmax_tokens = 1024\ntimeout_s = 900\n\n[annotate]\nconcurrency = 1\n"
    )
    assert requests.get(f"{url}/models", timeout=10).json()["data"][0]["id"] == name


@pytest.mark.slow
def test_conversations_are_shown_as_transformers_and_training_show_them(
    served: Served, transformers: dict[str, Any]
) -> None:
    shown = {
        name: served.post("/apply-template", messages=with_text(messages), tools=tools or [])["prompt"]
        for name, (messages, tools) in CONVERSATIONS.items()
    }
    trained = {
        name: rendered(chatml_tools(), messages, tools, answer=True)
        for name, (messages, tools) in CONVERSATIONS.items()
    }
    assert shown == transformers["shown"] == trained


@pytest.mark.slow
def test_texts_are_the_same_tokens(served: Served, transformers: dict[str, Any]) -> None:
    tokens = {text: served.post("/tokenize", content=text, parse_special=True)["tokens"] for text in TEXTS}
    assert tokens == transformers["tokens"]


@pytest.mark.slow
def test_the_weights_are_those_of_the_folder(transformers: dict[str, Any]) -> None:
    assert transformers["differ"] == []


@pytest.mark.slow
def test_calls_are_read(served: Served) -> None:
    """A model of random weights calls nothing: it is put into its mouth."""
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich \\"x\\""}}\n</tool_call>'
    answer = served.post(
        "/v1/chat/completions",
        messages=[QUESTION, says("assistant", f"I look.\n{call}")],
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=1,
    )
    (choice,) = answer["choices"]
    message = choice["message"]
    named = [(each["function"]["name"], each["function"]["arguments"]) for each in message["tool_calls"]]
    assert (message["content"], named) == ("I look.\n", [("get_weather", '{"city": "Zürich \\"x\\""}')])


def child_of(number: int) -> int:
    found = subprocess.run(["pgrep", "-P", str(number)], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


@pytest.mark.slow
def test_a_server_that_is_killed_is_told(tiny: Path, tmp_path: Path) -> None:
    running = started(tiny, tmp_path)
    os.kill(child_of(child_of(running.process.pid)), signal.SIGKILL)  # behind its guardian
    _, errors = running.process.communicate(timeout=30)
    assert running.process.returncode == 1
    assert errors.startswith("toolloom: llamacpp ended: it was killed, as a system without memory does\n")


@pytest.mark.slow
def test_a_command_that_is_killed_takes_its_server_along(tiny: Path, tmp_path: Path) -> None:
    running = started(tiny, tmp_path)
    running.process.kill()
    running.process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            requests.get(running.url, timeout=5)
        except requests.ConnectionError:
            return
        time.sleep(0.1)
    pytest.fail("the server is still there")


@pytest.mark.slow
def test_a_port_in_use_is_told(tiny: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = begin(tiny, tmp_path, "--port", str(port))
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert errors == (
        f"toolloom: port {port} cannot be used: Address already in use\n"
        "  fix: name another with --port, or 0 for any\n"
    )


@pytest.mark.slow
def test_a_file_that_llama_cpp_cannot_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + bytes(60))
    process = begin(file, tmp_path / "data")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith(f"toolloom: {file} is no GGUF file: ")
