"""The model that training begins with: its tokenizer, and the template it is shown rows in.

Needs the extra `train`, which is imported where it is needed; nobody's code is run, and no weights are read
that are not safetensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.errors import UsageError
from tasks.serving.template import chatml_tools
from tasks.training.rendering import ChatTemplate, Encode, Unrenderable, unsuited

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
OURS = "chatml_tools"


@dataclass(frozen=True)
class Shown:
    """How a base is shown conversations.

    tokenizer: transformers', which has the template from here on.  note: that another template than the
    base's own is used, and why.  added: control tokens of ours that the base does not know.
    """

    tokenizer: Any
    template: ChatTemplate
    note: str | None
    added: tuple[str, ...]

    def encode(self) -> Encode:
        tokenizer = self.tokenizer
        return lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"])

    @property
    def end_of_turn(self) -> int:
        """The token by which the model says that it is done."""
        return int(self.tokenizer.convert_tokens_to_ids(self.template.end_of_turn))


def require_extra() -> None:
    """Raises `UsageError` where the extra is not installed."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"training needs {', '.join(missing)}, not installed here",
            fix="in a checkout: .venv/bin/pip install -e '.[train]'",
        )


def libraries() -> dict[str, str]:
    """Versions of what a model is made with."""
    found = {}
    for name in (*LIBRARIES, "tokenizers", "safetensors"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def shown_by(folder: Path, template: str | None) -> Shown:
    """The tokenizer of a base with the template wanted.

    template: as `[train] template` has it.  Raises `UsageError` for a base without tokenizer, and for a
    template that is named and not fit; where the base's own is not, ours is taken, and the note says so.
    """
    tokenizer = _tokenizer(folder)
    if template is not None:
        name = template
        text = chatml_tools() if template == OURS else _text_of(Path(template).expanduser())
        why, chosen = _fitting(tokenizer, name, text)
        if chosen is None:
            raise UsageError(
                f"the chat template {name} cannot be trained with: {why}",
                fix=f"mend it, or leave [train] template out, or set it to {OURS}",
            )
        return _set(tokenizer, chosen, None)
    own = tokenizer.chat_template
    if isinstance(own, dict):
        own = own.get("tool_use") or own.get("default")
    why, chosen = "it has none", None
    if own:
        why, chosen = _fitting(tokenizer, f"of {folder.name}", own)
    if chosen is not None:
        return _set(tokenizer, chosen, None)
    _, ours = _fitting(tokenizer, OURS, chatml_tools())
    assert ours is not None, "a test says that ours is fit"
    note = f"the base's own chat template is not used: {why}; {OURS} is used instead"
    return _set(tokenizer, ours, note)


def _tokenizer(folder: Path) -> Any:
    require_extra()
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # the stage has a line of its own
    logging.set_verbosity_error()
    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever its files make transformers raise
        raise UsageError(
            f"the tokenizer in {folder} cannot be read: {type(error).__name__}: {error}",
            fix="name a folder that holds tokenizer.json, too, as [train] base",
        ) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}", fix=f"name a file as [train] template, or {OURS}"
        ) from error


def _fitting(tokenizer: Any, name: str, text: str) -> tuple[str, ChatTemplate | None]:
    """The template, or why it is not fit."""
    known = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    known |= set(tokenizer.all_special_tokens)
    variables = {
        each: str(getattr(tokenizer, each) or "")
        for each in ("bos_token", "eos_token", "pad_token", "unk_token")
    }
    if name == OURS:
        known |= set(_MARKS)
    try:
        template = ChatTemplate(name, text, sorted(known), variables)
    except Unrenderable as error:
        return str(error), None
    why = unsuited(template)
    return (why, None) if why is not None else ("", template)


_MARKS = ("<|im_start|>", "<|im_end|>")


def _set(tokenizer: Any, template: ChatTemplate, note: str | None) -> Shown:
    tokenizer.chat_template = template.text
    added: tuple[str, ...] = ()
    if template.name == OURS:
        known = tokenizer.get_vocab()
        added = tuple(mark for mark in _MARKS if mark not in known)
        if added:
            tokenizer.add_special_tokens(
                {"additional_special_tokens": list(added)}, replace_additional_special_tokens=False
            )
    return Shown(tokenizer, template, note, added)
