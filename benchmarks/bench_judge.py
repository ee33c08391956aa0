"""How often the sandbox's judge, and what the tables know without one, agree with what is true.

    python benchmarks/bench_judge.py [--each 60] [--data FOLDER]

The hub computes its answers, so right values are known.  Of searches that a refresh of the sandbox made,
answers of known truth are made (tests/support/planted_answers.py): right ones, also in other words; a
number, a date, a code or a name changed to another one; values of another call, or of a call that asked about
something else; made up where calls failed; a part left out; apologies and nothing.  `toolloom evaluate`
judges them, each kind as a method, and compares each with the right one in both orders.

--each: searches that answers are made of, 0 for all.  --data: a folder with searches of the sandbox, which is
copied; without it a refresh makes one.  PASS: the majority of votes has the true label for 95 % of the
answers; every number, date or code that was planted stands in `answer_facts.unbacked`; the better of two is
preferred in 95 % of the verdicts, and the worse one never in both orders.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import catalogue  # noqa: F401  makes the tests' support importable
from planted_answers import KINDS, RIGHT, SURE, WRONG, Planted, plant, planted_among, sound_searches
from snapshots import snapshot_of

GOAL = 0.95
LABELS = ("Solved", "Unsure", "Unsolved")


def toolloom(command: str, data: Path, *more: str) -> None:
    subprocess.run(  # noqa: S603  our own
        [sys.executable, "-m", "flows", command, "--quiet", *more, "--data", str(data)], check=True
    )


def judged(data: Path) -> dict[str, str]:
    """The label that most votes on an answer have, by the answer; what has no such label is Unsure."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in snapshot_of(data).rows("evaluations"):
        if row.question == "answer":
            votes[row.subject_id][row.label] += 1
    return {
        subject: next((label for label, n in found.items() if n > found.total() / 2), "Unsure")
        for subject, found in votes.items()
    }


def confusion(planted: Sequence[Planted], labels: Mapping[str, str]) -> float:
    """Prints a row for each kind; the share of answers with their true label."""
    print(f"{'kind':14}{'answers':>8}{'agree':>8}   true label -> judge's label")
    agreed = 0
    for kind in KINDS:
        found = Counter((one.label, labels.get(one.id, "none")) for one in planted if one.kind == kind)
        right = sum(n for (true, said), n in found.items() if true == said)
        agreed += right
        cells = ", ".join(f"{true} -> {said} {n}" for (true, said), n in sorted(found.items()))
        print(f"{kind:14}{found.total():8}{right / max(1, found.total()):8.1%}   {cells}")
    for true in LABELS:
        row = Counter(labels.get(one.id, "none") for one in planted if one.label == true)
        print(f"true {true:9}" + "".join(f"{said:>10} {row[said]:5}" for said in (*LABELS, "none")))
    return agreed / len(planted)


def pre_checks(planted: Sequence[Planted], data: Path) -> int:
    """Prints what `answer_facts` found; how many planted numbers, dates and codes it missed."""
    facts = {row.annotation_id: row for row in snapshot_of(data).rows("answer_facts")}
    missed = 0
    for kind in WRONG:
        some = [one for one in planted if one.kind == kind]
        listed = [one for one in some if facts[one.id].unbacked]
        unlisted = [one for one in some if kind in SURE and one.values[0] not in facts[one.id].unbacked]
        missed += len(unlisted)
        print(f"pre-checks, {kind:14}{len(listed):5} of {len(some)} have unbacked values")
        for one in unlisted[:5]:
            print(f"    {one.values[0]!r} passed: {one.answer}")
    false = [one for one in planted if one.kind in RIGHT and facts[one.id].unbacked]
    n_right = sum(one.kind in RIGHT for one in planted)
    print(f"pre-checks, right ones: {len(false)} of {n_right} have unbacked values")
    for one in false[:5]:
        print(f"    {one.kind}: {facts[one.id].unbacked}")
    return missed


def pairs(planted: Sequence[Planted], data: Path) -> tuple[float, int]:
    """Of what is worse than `right`: verdicts for the better one, as a share, and pairs lost in both orders.

    Made-up answers that say the same as the right one are no pairs: equal answers tie by rule.
    """
    kinds = {one.id: one for one in planted}
    won: dict[frozenset[str], list[bool | None]] = defaultdict(list)
    by_rule = 0
    for row in snapshot_of(data).rows("preferences"):
        first, second = kinds[row.first_id], kinds[row.second_id]
        if first.label != second.label and first.answer != second.answer:
            by_rule += row.by_rule
            better = "first" if first.label == "Solved" else "second"
            verdict = None if row.preferred == "tie" else row.preferred == better
            won[frozenset((row.first_id, row.second_id))].append(verdict)
    verdicts = [verdict for found in won.values() for verdict in found]
    lost = sum(all(verdict is False for verdict in found) for found in won.values())
    both = sum(all(found) for found in won.values())
    share = verdicts.count(True) / len(verdicts)
    print(
        f"pairs: {len(won)}, {by_rule} of them by rule; the better is preferred in {share:.1%} of "
        f"the verdicts and in both orders of {both}; ties {verdicts.count(None)}, lost in both orders {lost}"
    )
    return share, lost


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if given.data is None:
            toolloom("refresh", data)
        else:
            shutil.copytree(given.data, data)
        searches = sound_searches(data)
        planted = list(planted_among(searches, given.each or len(searches)))
        plant(data, planted)
        toolloom("evaluate", data, "--against", "right", "--set", "evaluate.tasks=false")
        share = confusion(planted, judged(data))
        missed = pre_checks(planted, data)
        preferred, lost = pairs(planted, data)
    print(f"judge {share:.1%}, planted values passed {missed}, better preferred {preferred:.1%}")
    passed = share >= GOAL and missed == 0 and preferred >= GOAL and lost == 0
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
