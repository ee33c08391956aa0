"""Acting on one function call of a reply: which function, which arguments, what it showed."""

from __future__ import annotations

from dataclasses import dataclass

import prompts
from tasks.llm.chat import Json, ToolCall
from tasks.search.arguments import Arguments, encodable, read_arguments
from tasks.search.finish import Finish, read_finish
from tasks.search.names import INVALID_NAME, Names
from tasks.search.node import CODES, Action, End, StepOutcome
from tasks.search.rules import Rules
from tasks.search.task import FINISH, Execute, Observation
from tasks.search.tree import SearchTree

_ENDS = {StepOutcome.ANSWERED: End.ANSWERED, StepOutcome.GAVE_UP: End.GAVE_UP}
_LONGEST_NAME_TOLD = 100


@dataclass(frozen=True, slots=True)
class Actor:
    """Makes calls for one search."""

    names: Names
    execute: Execute
    rules: Rules
    tree: SearchTree

    async def act(self, call: ToolCall) -> tuple[Action, ToolCall]:
        """Makes a call; also returns it as the history keeps it, presentable and with valid JSON.

        No call a model can write raises; what `execute` raises goes through.
        """
        said = self.names.said(encodable(call.name))
        text = encodable(call.arguments)
        function = self.names.find(said)
        if function == FINISH:
            finish = read_finish(text, self.rules)
            return _finished(finish, said, text), _kept(call, FINISH, finish.arguments)
        arguments = read_arguments(text, repair=self.rules.repair_arguments)
        kept = _kept(call, self.names.in_history(said, function), arguments)
        if function is None:
            return self._unknown(said, text), kept
        if arguments.value is None:
            return _unreadable(said, text, arguments), kept
        return await self._called(function, said, text, arguments.value, repaired=arguments.repaired), kept

    async def _called(
        self, function: str, said: str, text: str, arguments: Json, *, repaired: bool
    ) -> Action:
        call_no = self.tree.n_calls
        self.tree.n_calls += 1
        seen = await self.execute(function, arguments, call_no)
        return _action(said, text, seen, repaired=repaired, call_no=call_no)

    def _unknown(self, said: str, text: str) -> Action:
        name = said[:_LONGEST_NAME_TOLD] if self.rules.exact_names else INVALID_NAME
        nearest = self.names.nearest(said)
        told = prompts.load("search/unknown_function").render(name=name, nearest=nearest)
        return _action(said, text, _own(told, StepOutcome.UNKNOWN_FUNCTION))


def _finished(finish: Finish, said: str, text: str) -> Action:
    if finish.outcome is StepOutcome.BAD_FINISH:
        told = prompts.load("search/bad_finish").render(problem=finish.problem)
    else:
        told = prompts.load(f"search/finish_{finish.outcome}").render()
    return _action(
        said,
        text,
        _own(told, finish.outcome),
        repaired=finish.arguments.repaired,
        end=_ENDS.get(finish.outcome),
        final_answer=finish.final_answer,
    )


def _unreadable(said: str, text: str, arguments: Arguments) -> Action:
    told = prompts.load("search/bad_arguments").render(name=said, problem=arguments.problem)
    return _action(said, text, _own(told, StepOutcome.INVALID_ARGUMENTS))


def _own(text: str, outcome: StepOutcome) -> Observation:
    return Observation(text, outcome, CODES[outcome])


def _action(
    said: str,
    text: str,
    seen: Observation,
    *,
    repaired: bool = False,
    call_no: int | None = None,
    end: End | None = None,
    final_answer: str | None = None,
) -> Action:
    return Action(
        function=said,
        arguments=text,
        repaired=repaired,
        observation=encodable(seen.text),
        outcome=str(seen.outcome),
        code=seen.code,
        call_no=call_no,
        end=end,
        final_answer=final_answer,
    )


def _kept(call: ToolCall, name: str, arguments: Arguments) -> ToolCall:
    return ToolCall(encodable(call.id), name, arguments.text, call.state)
