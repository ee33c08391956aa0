"""Acting on one function call of a reply: which function, which arguments, what it showed.

`Finish(return_type, final_answer)` ends an attempt (paper section 2.3).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

import prompts
from tasks.exact_json import Json
from tasks.llm.chat import ToolCall
from tasks.llm.text_calls import name_on_offer
from tasks.search.arguments import Arguments, encodable, json_text, read_arguments
from tasks.search.rules import Rules
from tasks.search.task import FINISH, Execute, Observation
from tasks.search.tree import CODES, Action, End, SearchTree, StepOutcome

_ENDS = {StepOutcome.ANSWERED: End.ANSWERED, StepOutcome.GAVE_UP: End.GAVE_UP}
_LONGEST_NAME_TOLD = 100
_PRESENTABLE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST = 64

GIVE_ANSWER = "give_answer"
GIVE_UP = "give_up_and_restart"
INVALID_NAME = "invalid_function"
"""What the history calls a function that has no presentable name."""


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
            name = said[:_LONGEST_NAME_TOLD] if self.rules.exact_names else INVALID_NAME
            nearest = self.names.nearest(said)
            told = prompts.load("search/unknown_function").render(name=name, nearest=nearest)
            return _action(said, text, _own(told, StepOutcome.UNKNOWN_FUNCTION)), kept
        if arguments.value is None:
            told = prompts.load("search/bad_arguments").render(name=said, problem=arguments.problem)
            return _action(said, text, _own(told, StepOutcome.INVALID_ARGUMENTS)), kept
        call_no = self.tree.n_calls
        self.tree.n_calls += 1
        seen = await self.execute(function, arguments.value, call_no)
        return _action(said, text, seen, repaired=arguments.repaired, call_no=call_no), kept


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


@dataclass(frozen=True, slots=True)
class Names:
    """The names on offer, in their order, under a rule set."""

    offered: Collection[str]
    rules: Rules

    def said(self, name: str) -> str:
        """The name as the tree keeps it: published rules keep what follows the last dot.

        Ours leave out what servers and models put around a name that is on offer.
        """
        return name_on_offer(name, self.offered) if self.rules.exact_names else name.rpartition(".")[2]

    def find(self, name: str) -> str | None:
        """The function of that name; published rules take the first one whose name ends so."""
        if self.rules.exact_names:
            return name if name in self.offered else None
        if name == FINISH:
            return FINISH
        return next((option for option in self.offered if option != FINISH and option.endswith(name)), None)

    def in_history(self, name: str, found: str | None) -> str:
        """The name as the protocol can carry it; published rules hide unknown names."""
        if found is None and not self.rules.exact_names:
            return INVALID_NAME
        if _PRESENTABLE.fullmatch(name):
            return name
        return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST] or INVALID_NAME

    def nearest(self, name: str) -> list[str]:
        """Up to three names the model may have meant, the likeliest first; none under published rules."""
        if not self.rules.exact_names:
            return []
        short = name[-_LONGEST:]
        folded = {option: option.casefold() for option in self.offered if short}
        end = short.casefold()
        related = [option for option, own in folded.items() if own.endswith(end) or end.endswith(own)]
        similar = difflib.get_close_matches(short, self.offered, n=3, cutoff=0.5)
        return list(dict.fromkeys([*related, *similar]))[:3]


@dataclass(frozen=True, slots=True)
class Finish:
    """What a call of Finish comes to.

    outcome: answered, gave_up or bad_finish, then with the `problem`.
    """

    outcome: StepOutcome
    arguments: Arguments
    final_answer: str | None = None
    problem: str | None = None


def read_finish(text: str, rules: Rules) -> Finish:
    """Reads the arguments of Finish under a rule set."""
    arguments = read_arguments(text, repair=rules.repair_arguments)
    if arguments.value is None and not rules.repair_arguments:
        arguments = _salvaged(text) or arguments
    if arguments.value is None:
        return Finish(StepOutcome.BAD_FINISH, arguments, problem=arguments.problem)
    return _judge(arguments, arguments.value, text, rules)


def _judge(arguments: Arguments, value: Json, text: str, rules: Rules) -> Finish:
    return_type = value.get("return_type")
    if return_type == GIVE_UP:
        return Finish(StepOutcome.GAVE_UP, arguments, final_answer=None if rules.answer_is_text else text)
    if "return_type" not in value:
        problem = "return_type is missing"
    elif return_type != GIVE_ANSWER:
        problem = "return_type is none of its two values"
    elif "final_answer" not in value:
        problem = "final_answer is missing"
    elif rules.blank_answer_fails and not _answer_text(value):
        problem = "final_answer is blank"
    else:
        answer = _answer_text(value) if rules.answer_is_text else text
        return Finish(StepOutcome.ANSWERED, arguments, final_answer=answer)
    return Finish(StepOutcome.BAD_FINISH, arguments, problem=problem)


def _answer_text(value: Json) -> str:
    answer = value["final_answer"]
    if answer is None or answer in ([], {}):
        return ""
    return answer.strip() if isinstance(answer, str) else json_text(answer)


def _salvaged(text: str) -> Arguments | None:
    """A cut-off Finish that plainly says how it ends, an answer before a give-up.

    What follows the opening quote of the answer is the answer.
    """
    kinds = [kind for kind in (GIVE_ANSWER, GIVE_UP) if f'"return_type": "{kind}"' in text]
    if not kinds:
        return None
    _, answers, answer = text.partition('"final_answer": "')
    value = {"return_type": kinds[0]} | ({"final_answer": answer} if answers else {})
    return Arguments(value, json_text(value), repaired=True)
