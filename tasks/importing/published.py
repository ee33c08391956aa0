"""What the published scripts recorded of answers: results of ToolEval, as votes of a judge.

<results>/<set>_<model>.json               of eval_pass_rate.py, by query id
<results>/<set>_<reference>_<model>.json   of eval_preference.py: how often each was preferred
solvable_queries/.../<set>.json            ids of the queries that can be solved (arXiv 2403.07714)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.importing.answer_files import is_number, text_of
from tasks.importing.files import SetFile
from tasks.importing.rows import OfSet
from warehouse.tables.annotations import Annotation
from warehouse.tables.evaluations import Evaluation, Preference

JUDGE = "published"
SOLVABLE = "solvable_queries"
_RESULTS = re.compile(r"(?:pass_rate|preference)_results?(.*)")
_LABELS = ("Solved", "Unsure", "Unsolved")
_MOST_VOTES = 1_000

Answered = tuple[str, str, int, str]
"""Scenario, split, query id and model."""


@dataclass(slots=True)
class Published:
    """unused: places of results that are of no use, all or in part, and why."""

    unused: list[tuple[str, str]] = field(default_factory=list)
    _answers: dict[Answered, Annotation] = field(default_factory=dict)
    _passes: list[tuple[SetFile, Mapping[str, list[tuple[str, str]]]]] = field(default_factory=list)
    _pairs: list[tuple[SetFile, Mapping[str, Mapping[str, int]]]] = field(default_factory=list)
    _solvable: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def answered(self, file: OfSet, query_id: int, annotation: Annotation) -> None:
        self._answers.setdefault((file.scenario, file.split, query_id, annotation.model), annotation)

    def take(self, file: SetFile, content: Any) -> bool:
        """Whether it is a file of results, or of ids of queries."""
        if not isinstance(content, dict) or not content:
            return False
        if all(is_number(value) for value in content.values()):
            if SOLVABLE in file.place.split("/"):
                self._solvable[file.scenario, file.split] = frozenset(content)
            return True
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
        pairs = [row for pair in self._of_pairs() for row in (pair, _turned(pair))]
        preferences = {(row.first_id, row.second_id, row.judge): row for row in pairs}
        return list(evaluations.values()), list(preferences.values())

    def _of_answers(self) -> Iterator[Evaluation]:
        for file, results in self._passes:
            lost = 0
            for number, labels in results.items():
                answer = self._answer(file, number, file.named)
                lost += answer is None or not labels
                if answer is not None:
                    asked = (answer, answer.annotation_id, "answer", _judge(file))
                    yield from (_evaluation(*asked, vote, *said) for vote, said in enumerate(labels))
            self._tell(file, lost, len(results), f"of answers of {file.named!r}")

    def _of_tasks(self) -> Iterator[Evaluation]:
        """By each judge whose results are there, for each query of a set whose solvable ones are named."""
        judges = sorted({_judge(file) for file, _ in (*self._passes, *self._pairs)}) or [JUDGE]
        for (scenario, split, query_id, _), answer in self._answers.items():
            solvable = self._solvable.get((scenario, split))
            if solvable is not None:
                label = "Solvable" if str(query_id) in solvable else "Unsolvable"
                for judge in judges:
                    reason = "named in solvable_queries" if label == "Solvable" else "not in solvable_queries"
                    yield _evaluation(answer, answer.instruction_id, "task", judge, 0, label, reason)

    def _of_pairs(self) -> Iterator[Preference]:
        for file, results in self._pairs:
            lost = 0
            for number, counted in results.items():
                models = [name for name in counted if file.named.startswith(f"{name}_")]
                models += [name for name in counted if file.named.endswith(f"_{name}") and name not in models]
                pair = [self._answer(file, number, name) for name in models]
                if len(pair) != 2 or pair[0] is None or pair[1] is None:
                    lost += 1
                    continue
                first, second = (counted[name] for name in models)
                preferred = "first" if first > second else "second" if second > first else "tie"
                yield Preference(
                    first_id=pair[0].annotation_id,
                    second_id=pair[1].annotation_id,
                    judge=_judge(file),
                    vote=0,
                    instruction_id=pair[0].instruction_id,
                    preferred=preferred,
                    by_rule=False,
                    reason=f"as published: {first} votes against {second}, in orders that are not known",
                    prompt_digest="",
                )
            self._tell(file, lost, len(results), f"of pairs of {file.named!r}")

    def _answer(self, file: SetFile, number: str, model: str) -> Annotation | None:
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            return None
        return self._answers.get((file.scenario, file.split, int(number), model))

    def _tell(self, file: SetFile, lost: int, of: int, what: str) -> None:
        if lost:
            told = f"{lost:,} of {of:,} results are {what} that are not here, or hold no label"
            self.unused.append((file.place, told))


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
