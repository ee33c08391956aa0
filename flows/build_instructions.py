"""Instructions: draw sets of APIs, have the model write instructions for them, select the good ones.

Where that leaves APIs that no instruction needs, or fewer instructions than are wanted, further rounds of
draws follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from prefect import flow

from flows.open_run import selection_before
from flows.outcome import StageRun
from flows.params import Config
from flows.report import say
from flows.stages import Line, shard_runner
from tasks.propose import propose
from tasks.run import RunContext
from tasks.sample import sample
from tasks.select import select
from warehouse.ref import StageOutput


@flow(name="build-instructions", flow_run_name="instructions", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_instructions(
    run: RunContext,
    config: Config,
    crawled: StageOutput,
    compressed: StageOutput,
    until: str | None = None,
) -> list[StageRun]:
    with Line(run, None if until == "select" else until) as line:
        rounds = Rounds(line, config, crawled, compressed, selection_before(run))
        rounds.all()
        rounds.close()
    return line.done


@dataclass
class Rounds:
    """The three stages, again and again.  before: what was selected in the run before."""

    line: Line
    config: Config
    crawled: StageOutput
    compressed: StageOutput
    before: StageOutput | None

    def all(self) -> None:
        self.first()
        for number in range(1, self.config.instruct.rounds + 1):
            if self.line.stopped or not self.further(number):
                break

    def first(self) -> None:
        inputs = {"crawled": self.crawled, "compressed": self.compressed}
        writing = {"params": self.config.instruct, **inputs}
        self.sampled = self.line.stage(sample, params=self.config.sample, **inputs)
        self.proposed = self.line.stage(propose, sampled=self.sampled, **writing)
        self.selected = self.line.stage(
            select, sampled=self.sampled, proposed=self.proposed, before=self.before, **writing
        )

    def further(self, number: int) -> bool:
        """Whether there was anything to draw."""
        inputs = {"crawled": self.crawled, "compressed": self.compressed}
        writing = {"params": self.config.instruct, **inputs}
        sampled = self.line.again(
            sample,
            self.sampled,
            params=self.config.sample,
            round_no=number,
            accepted=self.config.instruct.accepted,
            selected=self.selected,
            **inputs,
        )
        if sampled.counts.n_out == self.sampled.counts.n_out:
            self.sampled = sampled
            return False
        self.sampled = sampled
        self.proposed = self.line.again(propose, self.proposed, sampled=sampled, **writing)
        self.selected = self.line.again(
            select, self.selected, sampled=sampled, proposed=self.proposed, before=self.before, **writing
        )
        return True

    def close(self) -> None:
        """Says what could not be reached."""
        if self.line.stopped:
            self.line.end_as_stopped()
            return
        wanted, accepted = self.config.instruct.accepted, self.selected.counts.n_out
        if wanted is not None and accepted < wanted:
            say(
                f"  {wanted:,} instructions were wanted, and {accepted:,} are fit after all rounds of draws: "
                "raise [instruct] rounds, or the draws in [sample]; `toolloom sql @rejects` says why others "
                "are not"
            )
