"""What the published scripts recorded of answers: results of ToolEval, as votes of a judge.

<results>/<set>_<model>.json               of eval_pass_rate.py, by query id
<results>/<set>_<reference>_<model>.json   of eval_preference.py: how often each was preferred
solvable_queries/.../<set>.json            ids of the queries that can be solved (arXiv 2403.07714)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from tasks.importing.answer_files import is_number, text_of
from tasks.importing.files import SetFile
from tasks.importing.rows import OfSet
from warehouse.tables.annotations import Annotation
from warehouse.tables.evaluations import Evaluation, Preference

JUDGE = "published"
SOLVABLE = "solvable_queries"
QUERY_IDS = "test_query_ids"
_RESULTS = re.compile(r"(?:pass_rate|preference)_results?(.*)")
_LABELS = ("Solved", "Unsure", "Unsolved")
_MOST_VOTES = 1_000
_NOT_HERE = "of answers that are not here"
_NO_LABEL = "without a label"
_NO_PAIR = "not of the two models that the file is named after"
_IS_AMBIGUOUS = "of one of several answers of that model, by other methods, which they do not tell apart"

Answered = tuple[str, str, int, str]
"""Scenario, split, query id and model."""


@dataclass(slots=True)
class Published:
    """unused: places of results that are of no use, all or in part, and why."""

    unused: list[tuple[str, str]] = field(default_factory=list)
    _answers: dict[Answered, list[Annotation]] = field(default_factory=dict)
    _passes: list[tuple[SetFile, Mapping[str, list[tuple[str, str]]]]] = field(default_factory=list)
    _pairs: list[tuple[SetFile, Mapping[str, Mapping[str, int]]]] = field(default_factory=list)
    _solvable: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def answered(self, file: OfSet, query_id: int, annotation: Annotation) -> None:
        self._answers.setdefault((file.scenario, file.split, query_id, annotation.model), []).append(
            annotation
        )

    def take(self, file: SetFile, content: Any) -> bool:
        """Whether it is a file of results, or of ids of queries."""
        if not isinstance(content, dict) or not content:
            return False
        if all(is_number(value) for value in content.values()):
            folders = file.place.split("/")[:-1]
            if SOLVABLE in folders:
                ids = frozenset(content)
                if self._solvable.setdefault((file.scenario, file.split), ids) != ids:
                    told = "another file says otherwise which queries of the set can be solved, and is taken"
                    self.unused.append((file.place, told))
            return SOLVABLE in folders or QUERY_IDS in folders
        entries = {key: value for key, value in content.items() if isinstance(value, dict)}
        if any("is_solved" in entry or "passed" in entry for entry in entries.values()):
            self._passes.append((file, {key: _votes(entry) for key, entry in entries.items()}))
            return True
        if any(re.fullmatch(r"round_\d+", key) for entry in entries.values() for key in entry):
            self._pairs.append((file, {key: _preferred(entry) for key, entry in entries.items()}))
            return True
        return False

    def votes(self) -> tuple[list[Evaluation], list[Preference]]:
        """All that is known of answers that are there."""
        evaluations = {vote_key(vote): vote for vote in (*self._of_answers(), *self._of_tasks())}
        preferences = [row for pair in self._of_pairs() for row in (pair, _turned(pair))]
        return list(evaluations.values()), preferences

    def _of_answers(self) -> Iterator[Evaluation]:
        """Votes of a judge on an answer are all of one file, the first that has any."""
        taken: dict[tuple[str, str], str] = {}
        for file, results in self._passes:
            lost: Counter[str] = Counter()
            for number, labels in results.items():
                answer, why = self._answer(file, number, file.named)
                if answer is None or not labels:
                    lost[why or _NO_LABEL] += 1
                    continue
                key = (answer.annotation_id, _judge(file))
                if taken.setdefault(key, file.place) != file.place:
                    lost[f"of answers whose results {taken[key]} has"] += 1
                    continue
                asked = (answer, answer.annotation_id, "answer", _judge(file))
                yield from (_evaluation(*asked, vote, *said) for vote, said in enumerate(labels))
            self._tell(file, lost, len(results))

    def _of_tasks(self) -> Iterator[Evaluation]:
        """By each judge whose results are there, for each query of a set whose solvable ones are named."""
        judges = sorted({_judge(file) for file, _ in (*self._passes, *self._pairs)}) or [JUDGE]
        for (scenario, split, query_id, _), answers in self._answers.items():
            solvable = self._solvable.get((scenario, split))
            if solvable is not None:
                label = "Solvable" if str(query_id) in solvable else "Unsolvable"
                reason = "named in solvable_queries" if label == "Solvable" else "not in solvable_queries"
                for answer, judge in product(answers, judges):
                    yield _evaluation(answer, answer.instruction_id, "task", judge, 0, label, reason)

    def _of_pairs(self) -> Iterator[Preference]:
        """A judge's decision on a pair is of one file, in whichever order the files name the two."""
        taken: dict[tuple[frozenset[str], str], str] = {}
        for file, results in self._pairs:
            lost: Counter[str] = Counter()
            for number, counted in results.items():
                models = [name for name in counted if file.named.startswith(f"{name}_")]
                models += [name for name in counted if file.named.endswith(f"_{name}") and name not in models]
                pair = [self._answer(file, number, name) for name in models]
                first, second = (answer for answer, _ in pair) if len(pair) == 2 else (None, None)
                if first is None or second is None:
                    whys = [why for _, why in pair if why]
                    lost[max(whys, key=_IS_AMBIGUOUS.__eq__) if len(pair) == 2 else _NO_PAIR] += 1
                    continue
                key = (frozenset((first.annotation_id, second.annotation_id)), _judge(file))
                if taken.setdefault(key, file.place) != file.place:
                    lost[f"of pairs whose results {taken[key]} has"] += 1
                    continue
                ours, theirs = (counted[name] for name in models)
                told = ", ".join(f"{counted[name]} votes for {name}" for name in models)
                yield Preference(
                    first_id=first.annotation_id,
                    second_id=second.annotation_id,
                    judge=_judge(file),
                    vote=0,
                    instruction_id=first.instruction_id,
                    preferred="first" if ours > theirs else "second" if theirs > ours else "tie",
                    by_rule=False,
                    reason=f"as published: {told}, in orders that are not known",
                    prompt_digest="",
                )
            self._tell(file, lost, len(results))

    def _answer(self, file: SetFile, number: str, model: str) -> tuple[Annotation | None, str]:
        """The one answer that is meant, else why there is none: results do not name the method."""
        found: Sequence[Annotation] = ()
        if number.isascii() and number.isdigit() and len(number) <= 18:
            found = self._answers.get((file.scenario, file.split, int(number), model), ())
        if len(found) == 1:
            return found[0], ""
        return None, _IS_AMBIGUOUS if found else _NOT_HERE

    def _tell(self, file: SetFile, lost: Counter[str], of: int) -> None:
        for why, n in lost.items():
            told = f"of {file.named!r}, {n:,} of {of:,} results are of no use: they are {why}"
            self.unused.append((file.place, text_of(told)))


def _turned(row: Preference) -> Preference:
    """The decision in the other order; in which order a pair was shown is not published."""
    preferred = {"first": "second", "second": "first"}.get(str(row.preferred), row.preferred)
    return replace(row, first_id=row.second_id, second_id=row.first_id, preferred=preferred)


def vote_key(row: Evaluation) -> tuple[str, str, str, int]:
    return row.subject_id, row.question, row.judge, row.vote


def _evaluation(
    answer: Annotation, subject: str, question: str, judge: str, vote: int, label: str, reason: str
) -> Evaluation:
    return Evaluation(
        subject_id=subject,
        question=question,
        judge=judge,
        vote=vote,
        instruction_id=answer.instruction_id,
        label=label,
        by_rule=False,
        reason=reason,
        prompt_digest="",
    )


def _judge(file: SetFile) -> str:
    """`published`, and what the folder of results is called besides, as in pass_rate_results_gpt-4o."""
    for folder in file.place.split("/")[-2::-1]:
        if (found := _RESULTS.fullmatch(folder)) is not None:
            return JUDGE + found[1]
    return JUDGE


def _votes(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Labels with their reasons.

    Where each round's label is recorded, those; else in how many rounds the answer passed and failed, which
    is what older files keep, with the last label alone.
    """
    reason = text_of(entry.get("reason")) if entry.get("reason") is not None else ""
    rounds = entry.get("is_solved")
    if isinstance(rounds, dict):
        labels = [_label(rounds[key]) for key in sorted(rounds, key=lambda key: (len(key), key))]
        return [(label, reason) for label in labels if label is not None]
    counts = Counter(
        {
            label: int(entry[name])
            for name, label in (("passed", "Solved"), ("failed", "Unsolved"))
            if is_number(entry.get(name)) and 0 <= entry[name] <= _MOST_VOTES
        }
    )
    if counts.total():
        told = f"counted as passed in {counts['Solved']} of {counts.total()} rounds. {reason}".strip()
        return [(label, told) for label in counts.elements()]
    label = _label(rounds)
    return [] if label is None else [(label, reason)]


def _label(said: Any) -> str | None:
    label = said.rpartition(".")[2] if isinstance(said, str) else None
    return label if label in _LABELS else None


def _preferred(entry: Mapping[str, Any]) -> dict[str, int]:
    """How often each model was preferred."""
    return {
        name: int(n) for name, n in entry.items() if is_number(n) and n >= 0 and not name.startswith("round_")
    }
