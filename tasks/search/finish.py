"""Reading a call of `Finish(return_type, final_answer)`, which ends an attempt (paper section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.llm.chat import Json
from tasks.search.arguments import Arguments, json_text, read_arguments
from tasks.search.node import StepOutcome
from tasks.search.rules import Rules

GIVE_ANSWER = "give_answer"
GIVE_UP = "give_up_and_restart"


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
