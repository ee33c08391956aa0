"""Which server is taken, with which template, and how it is started."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_llama

from tasks.errors import UsageError
from tasks.serving import servers
from tasks.serving.servers import Serving, chosen_server, command_of, require_room, usual_context
from tasks.serving.template import Template, chatml_tools, template_of

HERMES = "{% if tools %}<tool_call>{{ message.tool_calls }}{% endif %}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_llama.write(tmp_path / "model")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that are found."""
    found: set[str] = set()
    monkeypatch.setattr(servers, "find_spec", lambda name: name if name in found else None)
    return found


LLAMACPP = {"xllamacpp", "gguf"}
TRANSFORMERS = {"transformers", "torch", "uvicorn", "fastapi"}


@pytest.mark.parametrize(
    ("packages", "has_gpu", "wanted", "server"),
    [
        ({"vllm"} | LLAMACPP, True, "auto", "vllm"),
        ({"vllm"} | LLAMACPP, False, "auto", "llamacpp"),
        ({"vllm"}, False, "vllm", "vllm"),
        (LLAMACPP | TRANSFORMERS, True, "auto", "llamacpp"),
        (TRANSFORMERS, False, "auto", "transformers"),
        (LLAMACPP | TRANSFORMERS, False, "transformers", "transformers"),
    ],
)
def test_the_server(
    folder: Path, installed: set[str], packages: set[str], has_gpu: bool, wanted: str, server: str
) -> None:
    installed |= packages
    assert chosen_server(wanted, folder, has_gpu=has_gpu) == server


@pytest.mark.parametrize(
    ("wanted", "said", "fix"),
    [
        ("auto", "nothing that serves models is installed here", ".venv/bin/pip install -e '.[serve]'"),
        ("vllm", "the server vllm needs vllm, not installed here", "pip install vllm"),
        (
            "llamacpp",
            "the server llamacpp needs xllamacpp, gguf, not installed here",
            ".venv/bin/pip install -e '.[serve]'",
        ),
        ("ollama", "there is no server ollama", "name one of auto, vllm, llamacpp, transformers"),
    ],
)
def test_no_server(folder: Path, installed: set[str], wanted: str, said: str, fix: str) -> None:
    assert not installed
    with pytest.raises(UsageError) as refused:
        chosen_server(wanted, folder, has_gpu=True)
    assert refused.value.message == said
    assert fix in str(refused.value.fix)


def test_what_llama_cpp_cannot_read_is_for_the_next(folder: Path, installed: set[str]) -> None:
    (folder / "config.json").write_text('{"architectures": ["Qwen3ForCausalLM"]}')
    installed |= LLAMACPP
    with pytest.raises(UsageError, match="only LlamaForCausalLM can, and it is Qwen3ForCausalLM"):
        chosen_server("auto", folder, has_gpu=False)
    installed |= TRANSFORMERS
    assert chosen_server("auto", folder, has_gpu=False) == "transformers"


def test_a_file_is_for_llama_cpp_alone(tmp_path: Path, installed: set[str]) -> None:
    installed |= {"vllm"} | LLAMACPP
    file = tmp_path / "model.gguf"
    assert chosen_server("auto", file, has_gpu=True) == "llamacpp"
    with pytest.raises(UsageError, match=r"vllm does not serve model\.gguf"):
        chosen_server("vllm", file, has_gpu=True)


@pytest.mark.parametrize(
    ("own", "vocabulary", "template"),
    [
        (HERMES, ("<|im_start|>", "<|im_end|>"), Template(HERMES, is_own=True)),
        (
            "{{ messages }}",
            ("<|im_start|>", "<|im_end|>"),
            Template(
                chatml_tools(),
                is_own=False,
                note="its chat template shows no functions: chatml_tools is used instead",
            ),
        ),
        (
            None,
            ("<|im_start|>",),
            Template(
                None,
                is_own=True,
                note="it has no chat template, and it does not know the marks of ours: "
                "calls are written as text",
            ),
        ),
    ],
)
def test_the_template(folder: Path, own: str | None, vocabulary: tuple[str, ...], template: Template) -> None:
    (folder / "chat_template.jinja").unlink()
    said = {"added_tokens": [{"content": word} for word in vocabulary]}
    (folder / "tokenizer.json").write_text(json.dumps(said))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": own}))
    assert template_of(folder) == template


def test_of_several_templates_that_for_functions_is_taken(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    several = [{"name": "default", "template": "x"}, {"name": "tool_use", "template": HERMES}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    assert template_of(folder) == Template(HERMES, is_own=True)


@pytest.mark.parametrize(
    ("text", "parser"),
    [
        (chatml_tools(), "hermes"),
        ("[TOOL_CALLS]", "mistral"),
        ("<|python_tag|>", "llama3_json"),
        ("<tool_call>\n<function=", "qwen3_coder"),
        ("{{ messages }}", None),
        (None, None),
    ],
)
def test_the_parser(text: str | None, parser: str | None) -> None:
    assert Template(text, is_own=True).parser == parser


def serving(folder: Path, **more: Any) -> Serving:
    given = {"port": 8000, "parallel": 4, "context": None, "template": Template(HERMES, is_own=True)}
    return Serving(**{"folder": folder, "name": "mine", **given, **more})


def test_vllm_reads_calls_as_the_template_writes_them(folder: Path, tmp_path: Path) -> None:
    assert command_of("vllm", serving(folder), tmp_path) == [
        *(sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(folder), "--served-model-name", "mine"),
        *("--host", "127.0.0.1", "--port", "8000", "--max-num-seqs", "4"),
        *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
    ]


def test_vllm_is_given_a_template_that_the_model_has_not(folder: Path, tmp_path: Path) -> None:
    ours = Template(chatml_tools(), is_own=False)
    command = command_of("vllm", serving(folder, template=ours, context=2048), tmp_path)
    assert command[-7:] == [
        *("--max-model-len", "2048", "--chat-template", str(tmp_path / "chat_template.jinja")),
        *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
    ]
    assert (tmp_path / "chat_template.jinja").read_text(encoding="utf-8") == chatml_tools()


def test_transformers_serves_what_is_named_as_it_is_asked_for(folder: Path, tmp_path: Path) -> None:
    ours = Template("ours", is_own=False)
    assert command_of("transformers", serving(folder, template=ours), tmp_path) == [
        *(sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", "mine"),
        *("--host", "127.0.0.1", "--port", "8000"),
    ]
    assert (tmp_path / "mine" / "model.safetensors").resolve() == folder / "model.safetensors"
    assert (tmp_path / "mine" / "chat_template.jinja").read_text() == "ours"
    assert (folder / "chat_template.jinja").read_text(encoding="utf-8") == chatml_tools()


def test_llama_cpp(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    file = tmp_path / "x.gguf"
    *program, said = command_of("llamacpp", serving(folder, file=file), tmp_path)
    assert program == [sys.executable, "-P", "-m", "tasks.serving.llama_server"]
    assert json.loads(said) == {
        "file": str(file),
        "name": "mine",
        "template": HERMES,
        "host": "127.0.0.1",
        "port": 8000,
        "parallel": 4,
        "context": 4096,
        "threads": 3,
    }


def test_a_long_context_is_not_set_aside_unasked(folder: Path) -> None:
    (folder / "config.json").write_text('{"max_position_embeddings": 131072}')
    assert usual_context(folder) == 8192


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"context": 4097}, "mine has a context of 4,096 tokens, not 4,097"),
        (
            {"context": 4096, "parallel": 10**7},
            "10000000 times 4,096 tokens of mine need 9,766 GB of memory,",
        ),
    ],
)
def test_no_room(folder: Path, changed: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        require_room(serving(folder, **changed))
    assert refused.value.message.startswith(said)


def test_room(folder: Path) -> None:
    require_room(serving(folder, context=4096))
