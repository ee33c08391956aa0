"""What a run comes to, as values: per stage and as a whole."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from warehouse.ref import StageOutput, Stop


class StageRun(BaseModel):
    """How a stage went.  output: None when it stopped before it had any; n_task_runs: task runs it took."""

    model_config = ConfigDict(frozen=True)

    stage: str
    output: StageOutput | None
    stop: Stop | None
    cached: bool
    seconds: float
    n_task_runs: int

    def followed_by(self, more: StageRun) -> StageRun:
        """Both as one: `more` is of the same stage, run again, and its output holds that of this one."""
        return StageRun(
            stage=self.stage,
            output=more.output or self.output,
            stop=more.stop,
            cached=self.cached and more.cached,
            seconds=self.seconds + more.seconds,
            n_task_runs=self.n_task_runs + more.n_task_runs,
        )

    @property
    def complete(self) -> bool:
        return self.output is not None and self.stop is None


class Spent(BaseModel):
    """What was asked of the model endpoint.

    cost_usd: None while prices are unknown.  refused: a sentence for each stage whose requests were mostly
    refused.
    """

    model_config = ConfigDict(frozen=True)

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    refused: tuple[str, ...] = ()


class Outcome(BaseModel):
    """What a run came to.  run_id: of the run that holds it; unchanged: that run was there before, nothing
    was written; n_commits: task runs that the commit took.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    status: str
    unchanged: bool
    data: Path
    stages: tuple[StageRun, ...]
    spent: Spent
    seconds: float
    n_commits: int = 1

    @property
    def n_task_runs(self) -> int:
        """Task runs of the whole run, the commit included."""
        return self.n_commits + sum(stage.n_task_runs for stage in self.stages)


class Refreshed(Outcome):
    """What a refresh came to."""


class Reprobed(Outcome):
    """What probing a catalogue again came to; unchanged: no API had to be tried.

    n_back: APIs that are kept now and were not before; n_lost: the other way round.
    """

    n_apis: int
    n_probed: int
    n_back: int
    n_lost: int


class Found(BaseModel):
    """What searches came to."""

    model_config = ConfigDict(frozen=True)

    n_searches: int
    n_won: int
    n_gave_up: int


class Unusable(BaseModel):
    """A query, or an API of a query, that cannot be used.  place: in which file, and where in it."""

    model_config = ConfigDict(frozen=True)

    place: str
    reason: str
    detail: str


class Annotated(Outcome):
    """What annotating came to.  found: None when no search was made."""

    found: Found | None
    unusable: tuple[Unusable, ...]


class Imported(Outcome):
    """What reading another tool's answers came to.  unusable: answers, and files beside them."""

    n_instructions: int
    unusable: tuple[Unusable, ...]


class Evaluated(Outcome):
    """What judging answers came to."""


class Labelled(Evaluated):
    """What reading people's labels came to.  n_labels: those read now; n_people: who gave them."""

    n_labels: int
    n_people: int


class Embedded(Outcome):
    """What encoding APIs came to.  model: its name."""

    model: str


class Ranked(Outcome):
    """What measuring retrievers came to."""


class Tuned(Outcome):
    """What training a chat model came to.

    model: its digest; n_refused: searches that none could be learned from, which are rejects; before, after:
    see the table `chat_models`.
    """

    model: str
    n_conversations: int
    n_refused: int
    loss: float | None
    before: float | None
    after: float | None


class Looped(Outcome):
    """What a whole loop came to.  table: JSON, a row for each side of the comparison at its end."""

    table: str


class Trained(Outcome):
    """What training a retriever came to.  model: its digest; epochs: see the table `models`."""

    model: str
    epochs: tuple[float, ...]
    n_pairs: int
