"""What a refresh would find finished: cached outputs, looked up in its order by its keys; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from prefect import Task

from flows.build_catalogue import catalogue_stages
from flows.build_instructions import Rounds
from flows.open_run import selection_before
from flows.outcome import StageRun
from flows.params import Config
from flows.stages import EndOfLine, Line
from tasks.policies import is_own_result
from tasks.run import RunContext
from tasks.stage import usable
from warehouse.ref import StageOutput
from warehouse.store import Store


def finished(run: RunContext, config: Config) -> dict[str, StageOutput]:
    """By stage, up to the first that is not finished; searches are not looked at.

    The stages of the instructions are finished together, with the last round of draws.
    """
    catalogue, instructions = _Looking(run, None), _Looking(run, None)
    with catalogue, instructions:
        crawled, compressed = catalogue_stages(catalogue, config)
        Rounds(instructions, config, crawled, compressed, selection_before(run)).all()
        return _outputs([*catalogue.done, *instructions.done])
    return _outputs(catalogue.done)


def _outputs(done: list[StageRun]) -> dict[str, StageOutput]:
    return {ran.stage: ran.output for ran in done if ran.output is not None}


class _Looking(Line):
    """A line whose stages are looked up, and which ends at one that is not there."""

    def stage(self, task: Task[..., StageOutput], **arguments: Any) -> StageOutput:
        output = self._found(task, arguments)
        self.done.append(_cached(output))
        return output

    def again(self, task: Task[..., StageOutput], so_far: StageOutput, **arguments: Any) -> StageOutput:
        output = self._found(task, {"so_far": so_far, **arguments})
        at = next(at for at, ran in enumerate(self.done) if ran.stage == output.stage)
        self.done[at] = _cached(output)
        return output

    def _found(self, task: Task[..., StageOutput], arguments: dict[str, Any]) -> StageOutput:
        assert task.cache_policy is not None, "every stage has one"
        key = task.cache_policy.compute_key(None, {"run": self.run, **arguments}, {})  # type: ignore[arg-type] # keys are of arguments alone
        path = self.run.data / "prefect" / "results" / str(key)
        output = _read(path) if path.is_file() else None
        if output is None or not usable(Store(self.run.data), output):
            raise EndOfLine
        return output


def _cached(output: StageOutput) -> StageRun:
    return StageRun(stage=output.stage, output=output, stop=None, cached=True, seconds=0.0, n_task_runs=0)


def _read(path: Path) -> StageOutput | None:
    """What Prefect keeps of a result: JSON within JSON.  None for what is no stage's output."""
    try:
        content = path.read_bytes()
        if not is_own_result(content):
            return None
        return StageOutput.model_validate(orjson.loads(orjson.loads(content)["result"])["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # damaged: it is computed anew
