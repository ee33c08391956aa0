"""The configuration of a refresh: every noun's own parameters, composed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tasks.calling.params import CallingParams
from tasks.catalogue.params import CatalogueParams, McpParams
from tasks.documents.params import CompressParams
from tasks.errors import UsageError
from tasks.exporting.params import RefreshExports
from tasks.frame.run import JUDGING
from tasks.identity import NotInKey, identity
from tasks.instructions.params import InstructParams
from tasks.judging.params import EvaluateParams
from tasks.llm.params import BudgetParams, LlmParams
from tasks.probing.params import ProbeParams
from tasks.retrieval.params import ENDPOINT, RetrieverParams
from tasks.sampling.params import SampleParams
from tasks.search.params import AnnotateParams, Level
from tasks.training.params import TrainParams

TRIAL = "endpoint"  # at the beginning of a run
EMBED = "embed"  # and whatever else needs vectors
CHATTING_STAGES = (TRIAL, "probe", "compress", "propose", "select", "annotate", "evaluate", "prefer")
ASKING_STAGES = (*CHATTING_STAGES, EMBED)


class _ByClass:
    """Holds a value to its class, and says no more of it than that."""

    @staticmethod
    def __get_pydantic_core_schema__(source: type, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(source)

    @staticmethod
    def __get_pydantic_json_schema__(_schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "object"}


Given = TypeVar("Given")
Undescribed = Annotated[Given, _ByClass]
"""A parameter of a flow that is started from Python alone.  Prefect makes the schema of a form for every flow
when the flow is imported, which took a quarter of all that a command computes before it begins."""


class SandboxParams(BaseModel):
    """`[sandbox]`: the embedded hub and teacher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    serve: bool = Field(default=False, description="Start both for the time of the run.")
    fault_rate: float = Field(
        default=1.0,
        ge=0,
        description="Multiplies the teacher's fault rates; stored replies stay as they are.",
    )
    changes: Path | None = Field(
        default=None, description="JSON: what has become of the hub's tools (docs/running.md)."
    )


class ScheduleParams(BaseModel):
    """`[schedule]`: when `toolloom serve` starts a refresh, and what of it is worth an alarm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: str | None = Field(
        default=None,
        description="Five fields, as in `0 3 * * 1`: Mondays at three.  None: runs start by hand.",
    )
    timezone: str = Field(default="UTC", description="Of the cron expression, as in `Europe/Paris`.")
    alert_share_died: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="More of the kept APIs dead than this, and the event `toolloom.apis.died` is sent.",
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            try:
                CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC))
            except CronSimError as error:
                raise ValueError(f"no cron expression ({error}); `0 3 * * 1` is Mondays at three") from error
        return cron

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("no time zone; write it as in `Europe/Paris`, or UTC")
        return name


class LoopParams(BaseModel):
    """`[loop]`: who searches beside the teacher in `toolloom loop`, how, and for what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[str, ...] = Field(
        default=("react", "dfsdt"),
        min_length=1,
        description="As [annotate] method; the first is what others are compared with.",
    )
    offers: tuple[str, ...] = Field(
        default=("given", "retrieved@5"),
        min_length=1,
        description="`given`: the APIs that an instruction names; or as [annotate] offer.",
    )
    levels: tuple[Level, ...] = Field(
        default=("test_instruction", "test_tool", "test_category"),
        description="As [annotate] levels: what the tuned model has not learned from.",
    )
    limit: int | None = Field(default=None, ge=1, description="Of instructions; none: all of these levels.")
    base: bool = Field(default=True, description="Whether the model that training began with searches, too.")
    training: tuple[Literal["lora", "full"], ...] = Field(
        default=(), description="As [train] method: further models to train and to compare."
    )
    rules: Literal["toolloom", "toolbench", "toolbench_recorded", "stable"] = Field(
        default="toolloom", description="How votes are counted, as `toolloom compare --rules` has it."
    )
    server: Literal["auto", "vllm", "llamacpp", "transformers"] = Field(
        default="auto", description="What serves them, as `toolloom serve-model` has it."
    )
    parallel: int = Field(default=4, ge=1, description="Requests in flight at a served model.")
    timeout_s: float = Field(default=600, gt=0, description="Total time for one of them.")
    max_tokens: int = Field(default=512, ge=16, description="Longest reply of a served model (paper: 512).")

    @field_validator("methods")
    @classmethod
    def _are_methods(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        for method in methods:
            AnnotateParams(method=method)
        return methods

    @field_validator("offers")
    @classmethod
    def _are_offers(cls, offers: tuple[str, ...]) -> tuple[str, ...]:
        for offer in offers:
            if offer != "given":
                AnnotateParams(offer=offer)
        return offers


# Crawling needs no model endpoint, probing only with `model_arguments`; no such address can be (RFC 2606).
NO_MODEL = LlmParams(base_url="http://none.invalid/v1", model="none")


class Config(BaseModel):
    """Everything a refresh depends on besides the world; the form of the deployment in the Prefect UI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, NotInKey("name")] = Field(
        default="refresh", description="Of the data set, its runs, its deployment and its events."
    )
    catalogue: CatalogueParams
    llm: LlmParams = NO_MODEL
    calling: CallingParams = CallingParams()
    probe: ProbeParams = ProbeParams()
    budget: Annotated[BudgetParams, NotInKey("money")] = BudgetParams()
    compress: CompressParams = CompressParams()
    sample: SampleParams = SampleParams()
    instruct: InstructParams = InstructParams()
    annotate: AnnotateParams = AnnotateParams()
    evaluate: EvaluateParams = EvaluateParams()
    retriever: RetrieverParams = RetrieverParams()
    train: TrainParams = TrainParams()
    export: Annotated[RefreshExports, NotInKey("place")] = RefreshExports()
    sandbox: Annotated[SandboxParams, NotInKey("place")] = SandboxParams()
    loop: Annotated[LoopParams, NotInKey("place")] = LoopParams()
    schedule: Annotated[ScheduleParams, NotInKey("name")] = ScheduleParams()

    @field_validator("budget")
    @classmethod
    def _known_stages(cls, budget: BudgetParams) -> BudgetParams:
        unknown = sorted(budget.stages.keys() - set(ASKING_STAGES))
        if unknown:
            raise ValueError(f"stages.{unknown[0]} asks no model; those that do: {', '.join(ASKING_STAGES)}")
        return budget

    def command(self, verb: str) -> str:
        """What others are told of a run of this configuration: the verb, and its name if it was given one."""
        return verb if self.name == type(self).model_fields["name"].default else f"{verb} {self.name}"

    @property
    def judge(self) -> LlmParams:
        """The endpoint that is asked which answers are right: that of `[llm]` unless another is named."""
        return self.evaluate.judge or self.llm

    def endpoints(self, *, asks_model: bool, asks_judge: bool) -> tuple[LlmParams, ...]:
        """Those that a run asks which has the model write or search, and which has answers judged."""
        asked = [*([self.llm] if asks_model else []), *([self.judge] if asks_judge else [])]
        return tuple(each for at, each in enumerate(asked) if each not in asked[:at])

    def endpoint_of(self, stage: str) -> LlmParams:
        """The one that a stage asks."""
        return self.judge if stage in JUDGING else self.llm

    def asked_by_stage(self, *, asks_model: bool, asks_judge: bool) -> dict[str, tuple[LlmParams, ...]]:
        """Of such a run, the endpoints that each stage asks; the trial at its beginning asks all."""
        asked = {TRIAL: self.endpoints(asks_model=asks_model, asks_judge=asks_judge)}
        for stage in CHATTING_STAGES:
            if stage != TRIAL and (asks_judge if stage in JUDGING else asks_model):
                asked[stage] = (self.endpoint_of(stage),)
        if self.retriever.model == ENDPOINT and self.retriever.endpoint is not None:
            asked[EMBED] = (self.retriever.endpoint,)
        return asked

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that hold keys, of whatever section."""
        named = [
            self.llm.api_key_env,
            self.judge.api_key_env,
            None if self.retriever.endpoint is None else self.retriever.endpoint.api_key_env,
            self.calling.toolbench_key_env,
            *self.calling.key_names.values(),
        ]
        for source in self.catalogue.sources:
            for table in ("header_keys", "env"):
                named += getattr(source, table, {}).values()
            if isinstance(source, McpParams):
                named += source.headers.values()
        return tuple(sorted({name for name in named if name}))

    def asks_model(self, until: str | None) -> bool:
        """Whether a refresh up to that stage may ask the model endpoint anything."""
        if until == "probe":
            return self.probe.model_arguments
        return until != "crawl"

    def asks_judge(self, until: str | None) -> bool:
        """Whether a refresh up to that stage has answers judged."""
        return self.evaluate.in_refresh and until is None

    def require_model(self) -> None:
        """Raises `UsageError` where something is to be asked, and no model endpoint is named."""
        if self.llm.base_url == NO_MODEL.base_url:
            raise UsageError(
                "no model endpoint is named: [llm] is missing in the configuration",
                fix="add [llm] with `base_url` and `model`; `refresh --until crawl` can do without, and "
                "`--until probe` where [probe] model_arguments is false",
            )

    def content(self) -> dict[str, Any]:
        """What can change the content of a table: no address, no speed, no budget."""
        return identity(self)
