"""Training a chat model (TRL) on rows that are tokens already; needs the extra `train`.

Imported where training begins, since it imports torch.  TRL neither renders nor cuts anything here: a row
comes with its tokens and with what of them is learned.
"""

from __future__ import annotations

import json
import math
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoConfig, AutoModelForCausalLM, PrinterCallback, TrainerCallback, set_seed
from transformers.utils import is_flash_attn_2_available
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from tasks.errors import UsageError
from tasks.training.base import Shown
from tasks.training.params import TrainParams
from tasks.training.rows import Example, Preferred
from warehouse.files import put

_UNTRAINED, _FINISHED = "untrained.json", "finished.json"
_MODEL = "model"
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


@dataclass(frozen=True)
class Told:
    """How far training is.  phase: sft or dpo; steps: done, of n_steps; loss: of the last step."""

    phase: str
    steps: int
    n_steps: int
    loss: float
    tokens_per_s: float


@dataclass(frozen=True)
class Step:
    """A step of a phase; of step 0 only what was measured before is known.

    evaluation: the loss on what is held out, where it was measured.  margin: of preferences, how much more
    the chosen reply gained.  tokens: seen so far, in this phase, padding left out.
    """

    phase: str
    step: int
    epoch: float
    loss: float | None
    evaluation: float | None
    margin: float | None
    learning_rate: float | None
    tokens: int


@dataclass(frozen=True)
class Fit:
    """What a phase came to.  folder: the model, weights and all."""

    folder: Path
    steps: tuple[Step, ...]


def context_of(base: Path) -> int | None:
    """How many tokens a model was made to read; None: it does not say."""
    config = AutoConfig.from_pretrained(str(base), local_files_only=True, trust_remote_code=False)
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return int(found) if found else None


def can_stretch(base: Path) -> bool:
    """Whether a model's positions are rotations, which can be made to reach farther."""
    config = AutoConfig.from_pretrained(str(base), local_files_only=True, trust_remote_code=False)
    return bool(getattr(config.get_text_config(), "rope_parameters", None))


def imitate(
    base: Path,
    folder: Path,
    train: Sequence[Example],
    held_out: Sequence[Example],
    shown: Shown,
    params: TrainParams,
    told: Callable[[Told], None],
    longest: int,
) -> Fit:
    """Supervised fine-tuning of the model in `base`, in `folder`; goes on where it was killed.

    longest: tokens that the model must be able to read.  The same base, rows, parameters and machine give the
    same weights, killed in between or not.
    """
    if (folder / _FINISHED).is_file():
        return _finished(folder)
    with _told_of_memory(params):
        set_seed(params.seed)
        model = _loaded(base, shown, params, longest)
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                **_common(folder, params, len(train), params.epochs),
                learning_rate=params.rate,
                max_length=None,
                packing=False,
                dataset_kwargs={"skip_prepare_dataset": True},
                eval_strategy="epoch" if held_out else "no",
            ),
            train_dataset=_examples(train),
            eval_dataset=_examples(held_out) if held_out else None,
            processing_class=shown.tokenizer,
            peft_config=_adapter(params) if params.method == "lora" else None,
        )
        return _run(trainer, "sft", folder, shown, params, told, base)


def prefer(
    base: Path,
    folder: Path,
    pairs: Sequence[Preferred],
    shown: Shown,
    params: TrainParams,
    told: Callable[[Told], None],
) -> Fit:
    """Direct preference optimisation (arXiv 2305.18290) of the model in `base`, to which it is held."""
    if (folder / _FINISHED).is_file():
        return _finished(folder)
    with _told_of_memory(params):
        set_seed(params.seed)
        model = _loaded(base, shown, params, 0)
        trainer = _DpoTrainer(
            model=model,
            args=DPOConfig(
                **_common(folder, params, len(pairs), params.dpo.epochs),
                learning_rate=params.dpo.learning_rate,
                beta=params.dpo.beta,
                max_length=None,
                # Of all weights, a second copy of the model would be needed otherwise.
                precompute_ref_log_probs=params.method == "full",
            ),
            train_dataset=Dataset.from_dict(
                {
                    "prompt_ids": [each.prompt for each in pairs],
                    "chosen_ids": [each.chosen for each in pairs],
                    "rejected_ids": [each.rejected for each in pairs],
                }
            ),
            processing_class=shown.tokenizer,
            peft_config=_adapter(params) if params.method == "lora" else None,
        )
        return _run(trainer, "dpo", folder, shown, params, told, base)


class _DpoTrainer(DPOTrainer):  # type: ignore[misc] # no types where the extra is not
    """Takes rows as they are."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def _examples(rows: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {"input_ids": [each.ids for each in rows], "labels": [each.labels for each in rows]}
    )


def _common(folder: Path, params: TrainParams, n_rows: int, epochs: int) -> dict[str, Any]:
    on_gpu = torch.cuda.is_available()
    steps = epochs * math.ceil(n_rows / (params.batch_size * params.accumulation))
    steps = min(steps, params.max_steps or steps)
    return {
        "output_dir": str(folder),
        "num_train_epochs": epochs,
        "max_steps": steps if params.max_steps else -1,
        "per_device_train_batch_size": params.batch_size,
        "per_device_eval_batch_size": params.batch_size,
        "gradient_accumulation_steps": params.accumulation,
        "warmup_steps": math.ceil(steps * params.warm_up),
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.0,
        "bf16": _in_bf16(params),
        "gradient_checkpointing": on_gpu,
        "save_strategy": "steps",
        "save_steps": params.save_steps,
        "save_total_limit": 1,
        "logging_steps": 1,
        "report_to": [],
        "disable_tqdm": True,
        "seed": params.seed,
        "data_seed": params.seed,
        "dataloader_pin_memory": on_gpu,
        "include_num_input_tokens_seen": "non_padding",
    }


def _in_bf16(params: TrainParams) -> bool:
    if params.precision == "auto":
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return params.precision == "bfloat16"


def _adapter(params: TrainParams) -> LoraConfig:
    lora = params.lora
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or "all-linear",
        task_type="CAUSAL_LM",
    )


def _loaded(folder: Path, shown: Shown, params: TrainParams, longest: int) -> Any:
    """Raises `UsageError`."""
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    _stretch(config.get_text_config(), params, longest)
    weights = torch.bfloat16 if _in_bf16(params) and params.method == "lora" else torch.float32
    flash = torch.cuda.is_available() and is_flash_attn_2_available() and _in_bf16(params)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            config=config,
            dtype=weights,
            attn_implementation="flash_attention_2" if flash else None,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if any(words in str(error).lower() for words in _NO_MEMORY):
            raise
        raise UsageError(
            f"{folder} cannot be loaded: {type(error).__name__}: {error}",
            fix="name a folder that save_pretrained() wrote whole as [train] base",
        ) from error
    if len(shown.tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(shown.tokenizer), mean_resizing=False)
    model.config.use_cache = False
    return model


def _stretch(config: Any, params: TrainParams, longest: int) -> None:
    """Has the model read more tokens than it was made for (position interpolation, arXiv 2306.15595)."""
    context = getattr(config, "max_position_embeddings", None)
    if not context or longest <= context:
        return
    rope = dict(config.rope_parameters or {})
    if rope.get("rope_type", "default") != "default":
        rope["factor"] = rope.get("factor", 1.0) * longest / context
    else:
        rope |= {"rope_type": params.rope, "factor": longest / context}
        if params.rope == "yarn":
            rope["original_max_position_embeddings"] = context
    config.rope_parameters = rope
    config.max_position_embeddings = longest


def _run(
    trainer: Any,
    phase: str,
    folder: Path,
    shown: Shown,
    params: TrainParams,
    told: Callable[[Told], None],
    base: Path,
) -> Fit:
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Watch(phase, told))
    kind = AutoConfig.from_pretrained(str(base), local_files_only=True).dtype or torch.float32
    untrained = _untrained(trainer, folder)
    saved = _checkpoints(folder)
    # What was measured before has drawn random numbers, in some starts and not in others.
    set_seed(params.seed)
    trainer.train(resume_from_checkpoint=str(saved[-1]) if saved else None)
    history = list(trainer.state.log_history)
    if trainer.eval_dataset is not None and not any(
        "eval_loss" in each and each["step"] == trainer.state.global_step for each in history
    ):
        history.append({**trainer.evaluate(), "step": trainer.state.global_step})
    made = folder / _MODEL
    shutil.rmtree(made, ignore_errors=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if params.method == "lora":
        if phase == "sft" and not params.dpo.epochs:  # a later one would be of what this one is merged into
            model.peft_config["default"].base_model_name_or_path = params.base
            # The vocabulary is the base's: without being told, peft would ask the hub about that.
            model.save_pretrained(str(made / "adapter"), save_embedding_layers=False)
            (made / "adapter" / "README.md").unlink(missing_ok=True)  # a form that nobody has filled in
        model = model.merge_and_unload()
    _save(model.to(kind), made, shown)
    steps = _steps(phase, untrained, history, trainer)
    put(folder / _FINISHED, json.dumps([asdict(step) for step in steps]).encode())
    return Fit(made, steps)


def _finished(folder: Path) -> Fit:
    """A phase that came to its end before training was killed."""
    steps = json.loads((folder / _FINISHED).read_bytes())
    return Fit(folder / _MODEL, tuple(Step(**step) for step in steps))


def _untrained(trainer: Any, folder: Path) -> float | None:
    """The loss on what is held out before the first step, measured once."""
    path = folder / _UNTRAINED
    if trainer.eval_dataset is None:
        return None
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        put(path, json.dumps(float(trainer.evaluate()["eval_loss"])).encode())
    return float(json.loads(path.read_bytes()))


def _save(model: Any, folder: Path, shown: Shown) -> None:
    model.config.use_cache = True
    end, generation = shown.end_of_turn, model.generation_config
    known = generation.eos_token_id
    others = [] if known is None else [known] if isinstance(known, int) else list(known)
    generation.eos_token_id = [end, *(each for each in others if each != end)]
    generation.pad_token_id = (
        shown.tokenizer.pad_token_id if shown.tokenizer.pad_token_id is not None else end
    )
    generation.do_sample = generation.temperature = generation.top_p = generation.top_k = None
    model.save_pretrained(str(folder), safe_serialization=True)
    shown.tokenizer.save_pretrained(str(folder))


def _steps(
    phase: str, untrained: float | None, history: Sequence[Mapping[str, float]], trainer: Any
) -> tuple[Step, ...]:
    """The logs of a step as one row."""
    of_step: dict[int, dict[str, float]] = {}
    if untrained is not None:
        of_step[0] = {"eval_loss": untrained}
    for logged in history:
        if "loss" in logged or "eval_loss" in logged:
            of_step.setdefault(int(logged["step"]), {}).update(logged)
    steps = max(1, trainer.state.max_steps)
    return tuple(
        Step(
            phase=phase,
            step=number,
            epoch=round(float(logged.get("epoch", trainer.args.num_train_epochs * number / steps)), 4),
            loss=_number(logged.get("loss")),
            evaluation=_number(logged.get("eval_loss")),
            margin=_number(logged.get("rewards/margins")),
            learning_rate=_number(logged.get("learning_rate")),
            tokens=int(logged.get("num_input_tokens_seen", logged.get("num_tokens", 0))),
        )
        for number, logged in sorted(of_step.items())
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Tells the steps."""

    def __init__(self, phase: str, told: Callable[[Told], None]) -> None:
        self._phase, self._told = phase, told
        self._begun = (time.monotonic(), 0.0)

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        self._begun = (time.monotonic(), float(state.num_input_tokens_seen or 0))

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Mapping[str, float], **_: Any) -> None:
        if "loss" not in logs:
            return
        now, tokens = time.monotonic(), float(state.num_input_tokens_seen or 0)
        seconds, seen = now - self._begun[0], tokens - self._begun[1]
        rate = seen / seconds if seconds > 0 else 0.0
        self._told(Told(self._phase, state.global_step, state.max_steps, float(logs["loss"]), rate))


def _checkpoints(folder: Path) -> list[Path]:
    """Those that were saved whole, in their order: the state is what the trainer writes last."""
    found = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


@contextmanager
def _told_of_memory(params: TrainParams) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of the libraries, about each other
            yield
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if not isinstance(error, MemoryError) and not any(words in said for words in _NO_MEMORY):
            raise
        lower = [
            *(["batch_size (accumulation higher: the same rows a step)"] if params.batch_size > 1 else []),
            "max_tokens",
            *(['method = "lora"'] if params.method == "full" else ["lora.r"]),
        ]
        raise UsageError(
            f"training ran out of memory ({str(error).splitlines()[0][:200] if str(error) else 'no more'})",
            fix=f"lower in [train]: {', '.join(lower)}; or name a smaller base",
        ) from error
