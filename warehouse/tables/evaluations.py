"""What judges say of answers, each vote a row, and what is known of an answer without a judge."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A judge's vote on an answer, or on whether a task can be solved at all.

    subject_id: the annotation's id for a question about its answer, the instruction's for one about the task.
    question: `task`; `answer`, which the judge reads with the calls that led to it; or `answer_alone`, which
    it reads as the person saw it (FAC of arXiv 2403.07714).  label: Solvable, Unsure or Unsolvable of a task;
    Solved, Unsure or Unsolved of an answer; None when the judge was asked and no label could be had, and the
    reason says why.  vote: counts from 0.  by_rule: nobody was asked, since what the tables hold leaves no
    doubt; such a row stands for all votes.
    """

    subject_id: str
    question: str
    judge: str
    vote: int
    instruction_id: str
    label: str | None
    by_rule: bool
    reason: str
    prompt_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A judge's vote on two answers to one instruction, in the order in which they were shown.

    preferred: first, second or tie; None when the judge was asked and no label could be had, and the reason
    says why.  by_rule: nobody was asked, since the answers are the same, or since only one of them solved the
    task by the labels of that time; such a row stands for both orders.
    """

    first_id: str
    second_id: str
    judge: str
    vote: int
    instruction_id: str
    preferred: str | None
    by_rule: bool
    reason: str
    prompt_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFacts:
    """What the rows of a search say of its answer, before any judge is asked.

    finished: it ended by saying so, with an answer.  empty: the answer says nothing.  n_calls: calls on the
    path of the answer, of which n_failed brought nothing, n_unknown named no function that was offered, and
    n_invalid lacked an argument that the function needs, or had no object of arguments.  n_values: numbers,
    dates, codes and quoted names that the answer states and the instruction does not; n_backed: those of
    them that stand in an observation.  unbacked: the others.  certain: the label that follows without doubt,
    if one does.  Of imported answers whose steps are cut, what is lost is None, and nothing is unbacked.
    """

    annotation_id: str
    instruction_id: str
    finished: bool
    empty: bool
    n_calls: int
    n_failed: int | None
    n_unknown: int
    n_invalid: int | None
    n_values: int
    n_backed: int | None
    unbacked: tuple[str, ...]
    certain: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a person said of an answer, with the calls that led to it before their eyes.

    label: Solved, Unsure or Unsolved.  person: a name or whatever stands for one.  seen: digest of what was
    labelled (`tasks.judging.labels.seen_digest`).
    """

    annotation_id: str
    person: str
    instruction_id: str
    label: str
    note: str
    seen: str


EVALUATIONS = Table(
    name="evaluations",
    row_type=Evaluation,
    grain="a judge's vote on an answer or a task",
    key=("subject_id", "question", "judge", "vote"),
)
PREFERENCES = Table(
    name="preferences",
    row_type=Preference,
    grain="a judge's vote on two answers in one order",
    key=("first_id", "second_id", "judge", "vote"),
)
ANSWER_FACTS = Table(
    name="answer_facts",
    row_type=AnswerFacts,
    grain="an answer",
    key=("annotation_id",),
)
LABELS = Table(
    name="labels",
    row_type=Label,
    grain="a person's label of an answer",
    key=("annotation_id", "person"),
)
