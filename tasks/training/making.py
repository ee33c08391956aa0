"""From a run's searches to a model with its card, in its place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UsageError
from tasks.exact_json import digest_of
from tasks.exporting.searches import Source
from tasks.identity import identity
from tasks.model_folders import (
    is_whole,
    keep_model,
    licence_of,
    model_digest,
    model_folder,
    models_folder,
)
from tasks.serving.bases import folder_of_base
from tasks.training.base import Shown, libraries, require_extra, shown_by
from tasks.training.models import ChatCard, StepNote, chat_models_of
from tasks.training.params import TrainParams
from tasks.training.rows import TOO_LONG, Material, material_of

if TYPE_CHECKING:
    from tasks.training.training import Step, Told

_STEM = ".tuning-"


def make_chat_model(
    data: Path,
    params: TrainParams,
    source: Source,
    read: Callable[[int], None],
    told: Callable[[Told], None],
) -> tuple[ChatCard, Material]:
    """Trains, and moves the model into the data folder; what was trained of the same before stands.

    read, told: how far reading and training are.  What a killed training of the same saved is gone on with.
    Raises `UsageError` where there is nothing to learn from, and where the extra or the base is not there.
    """
    begun = time.monotonic()
    require_extra()
    base = folder_of_base(params.base, data / "bases")
    shown = shown_by(base, params.template)
    require_learnable(params, shown)
    from tasks.training.training import context_of  # noqa: PLC0415 - imports torch

    context = context_of(base)
    there = chat_models_of(data)
    material = material_of(
        source,
        shown.template,
        shown.encode(),
        max_tokens=_most_tokens(params, base, context),
        methods=params.methods,
        models=params.models,
        not_by={card.digest for card in there},
        pairs=params.dpo.epochs > 0,
        read=read,
    )
    require_rows(material, params)
    base_digest, data_digest = model_digest(base), material.digest()
    key = digest_of([base_digest, data_digest, shown.template.text, identity(params, "train")])
    for card in there:  # searches of others may have come since, of which it learns nothing
        if card.made_of == key and is_whole(model_folder(data, card.digest)):
            return card, material
    folder = models_folder(data) / f"{_STEM}{key}"
    steps, made = _phases(base, folder, material, shown, params, told)
    card = ChatCard(
        digest=model_digest(made),
        base=params.base,
        base_digest=base_digest,
        data_digest=data_digest,
        made_of=key,
        parameters=params,
        **material.account(),
        template=shown.template.name,
        note=shown.note,
        context=None if context is None else max(context, material.longest),
        steps=tuple(StepNote(**asdict(step)) for step in steps),
        licence=licence_of(base),
        libraries=libraries(),
        made_at=datetime.now(UTC),
        seconds=round(time.monotonic() - begun, 1),
    )
    keep_model(data, made, card)
    shutil.rmtree(folder)
    return card, material


def _phases(
    base: Path,
    folder: Path,
    material: Material,
    shown: Shown,
    params: TrainParams,
    told: Callable[[Told], None],
) -> tuple[tuple[Step, ...], Path]:
    """The steps of imitation, and of preference where there is any; and where the model is."""
    from tasks.training.training import imitate, prefer  # noqa: PLC0415 - imports torch

    first = imitate(
        base, folder / "imitated", material.train, material.held_out, shown, params, told, material.longest
    )
    if not material.pairs:
        return first.steps, first.folder
    then = prefer(first.folder, folder / "preferred", material.pairs, shown, params, told)
    return (*first.steps, *then.steps), then.folder


def require_learnable(params: TrainParams, shown: Shown) -> None:
    """Raises `UsageError` where an adapter would have to learn tokens that the base has no weights for."""
    if shown.added and params.method == "lora":
        raise UsageError(
            f"{params.base} does not know {' and '.join(shown.added)}, by which {shown.template.name} marks "
            "turns: an adapter has no weights for new tokens",
            fix='set [train] method = "full", or name a base that knows them, or a template of its own marks',
        )


def _most_tokens(params: TrainParams, base: Path, context: int | None) -> int:
    """Of a row: what the settings say, or what the base can read, where it cannot be stretched."""
    from tasks.training.training import can_stretch  # noqa: PLC0415 - imports torch

    if context is None or (params.rope != "none" and can_stretch(base)):
        return params.max_tokens
    return min(params.max_tokens, context)


def require_rows(material: Material, params: TrainParams) -> None:
    """Raises `UsageError` where there is nothing to learn from."""
    if material.train:
        return
    reasons = [reject.reason for reject in material.rejects]
    if reasons and set(reasons) == {TOO_LONG}:
        raise UsageError(
            f"all {len(reasons):,} conversations are longer than [train] max_tokens = "
            f"{params.max_tokens:,} (or than the base can read); the first has {material.rejects[0].detail}",
            fix="raise max_tokens, name a base that reads more, or have searches made shorter ([annotate])",
        )
    left_out = [f"{reason}: {n:,}" for reason, n in sorted(material.left_out.items())]
    left_out += [f"{reason}: {reasons.count(reason):,}" for reason in sorted(set(reasons))]
    raise UsageError(
        "there is no conversation to train on" + (f" (left out: {'; '.join(left_out)})" if left_out else ""),
        fix="run `toolloom refresh` or `toolloom annotate`, which search instructions of the training split",
    )
