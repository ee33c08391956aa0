"""How votes are counted: by the published decisions, and with each of their mendings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from warehouse.tables.evaluations import Evaluation, Preference

Ask = Callable[..., list[tuple[Any, ...]]]

SOLVED, UNSURE, UNSOLVED = "Solved", "Unsure", "Unsolved"
SOLVABLE, UNSOLVABLE = "Solvable", "Unsolvable"
STATUSES = (SOLVED, UNSURE, UNSOLVED)


def said(
    subject: str, label: str | None, *, question: str = "answer", vote: int = 0, **given: Any
) -> Evaluation:
    defaults: dict[str, Any] = {
        "judge": "judge",
        "instruction_id": "instruction-1",
        "by_rule": False,
        "reason": "It is so.",
        "prompt_digest": "prompt",
    }
    return Evaluation(subject_id=subject, question=question, vote=vote, label=label, **{**defaults, **given})


def task(label: str | None, instruction_id: str = "instruction-1", vote: int = 0) -> Evaluation:
    return said(instruction_id, label, question="task", instruction_id=instruction_id, vote=vote)


def prefers(first: str, second: str, preferred: str | None, *, by_rule: bool = False) -> Preference:
    return Preference(
        first_id=first,
        second_id=second,
        judge="judge",
        vote=0,
        instruction_id="instruction-1",
        preferred=preferred,
        by_rule=by_rule,
        reason="It is so.",
        prompt_digest="prompt",
    )


# Solved passes whatever the task; a search without an end fails; a coin is one half.
PUBLISHED = {
    ("give_answer", SOLVED, None): 1,
    ("give_answer", UNSURE, SOLVABLE): 0.5,
    ("give_answer", UNSURE, UNSURE): 0.5,
    ("give_answer", UNSURE, UNSOLVABLE): 1,
    ("give_answer", UNSOLVED, SOLVABLE): 0,
    ("give_answer", UNSOLVED, UNSURE): 0.5,
    ("give_answer", UNSOLVED, UNSOLVABLE): 1,
    ("give_up", UNSOLVED, SOLVABLE): 0,
    ("give_up", UNSOLVED, UNSURE): 0.5,
    ("give_up", UNSOLVED, UNSOLVABLE): 1,
    ("none", UNSOLVED, None): 0,
    ("none", UNSOLVED, UNSOLVABLE): 0,
}


@pytest.mark.parametrize(("finish", "label", "of_task"), PUBLISHED)
def test_a_vote_passes_as_the_published_evaluator_decides(
    finish: str, label: str, of_task: str | None, rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT passed, set_aside FROM judged_answers WHERE rules = 'toolbench'",
        build.annotation(finish_type=finish),
        said("annotation-1", label),
        *([] if of_task is None else [task(of_task)]),
    )
    assert found == [(PUBLISHED[finish, label, of_task], False)]


VOTES: dict[tuple[str, ...], dict[str, float]] = {
    (SOLVED, SOLVED, UNSOLVED): {"toolloom": 1, "stable": 2 / 3, "toolbench": 1},
    (SOLVED, UNSOLVED): {"toolloom": 0.5, "stable": 0.5, "toolbench": 0.5},
    (SOLVED, UNSURE, UNSOLVED): {"toolloom": 0.5, "stable": 0.5, "toolbench": 0.5},
    (UNSURE, UNSURE, UNSURE): {"toolloom": 0.5, "stable": 0.5, "toolbench": 0.5},
    (SOLVED, UNSURE, UNSURE): {"toolloom": 0.5, "stable": 2 / 3, "toolbench": 0.75},
    (SOLVED, SOLVED, UNSURE, UNSOLVED): {"toolloom": 0.5, "stable": 0.625, "toolbench": 0.75},
    (UNSOLVED, UNSOLVED, UNSURE): {"toolloom": 0, "stable": 1 / 6, "toolbench": 0},
}


@pytest.mark.parametrize("votes", VOTES)
def test_votes_are_counted_by_majority_by_mean_or_with_coins(
    votes: tuple[str, ...], rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT rules, passed FROM judged_answers WHERE rules IN ('toolloom', 'stable', 'toolbench')",
        build.annotation(),
        *(said("annotation-1", label, vote=number) for number, label in enumerate(votes)),
    )
    assert dict(found) == pytest.approx(VOTES[votes])


def test_one_judge_says_nothing_of_what_another_one_votes_on(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT judge, label, n_votes, task FROM judged_answers WHERE rules = 'toolloom' ORDER BY judge",
        build.annotation(),
        said("annotation-1", SOLVED),
        said("annotation-1", UNSOLVED, judge="other"),
        task(SOLVABLE),
    )
    assert found == [("judge", SOLVED, 1, SOLVABLE), ("other", UNSOLVED, 1, None)]


# What each mending changes: an answer without a solution to a task that cannot be solved, and unsure votes.
MENDINGS = [
    ("toolloom", 0.0, True),
    ("toolloom, unsolvable passes", 1.0, False),
]


@pytest.mark.parametrize(("rules", "passed", "set_aside"), MENDINGS)
def test_what_cannot_be_solved_is_set_aside_unless_that_mending_is_undone(
    rules: str, passed: float, set_aside: bool, rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT rules, passed, set_aside FROM judged_answers",
        build.annotation(),
        said("annotation-1", UNSOLVED),
        task(UNSOLVABLE),
    )
    assert (rules, passed, set_aside) in found


def test_an_unsure_majority_is_half_unless_coins_are_tossed_for_each_vote(
    rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT rules, passed FROM judged_answers "
        "WHERE rules IN ('toolloom', 'toolloom, coins for unsure votes')",
        build.annotation(),
        *(said("annotation-1", label, vote=number) for number, label in enumerate((SOLVED, UNSURE, UNSURE))),
    )
    assert dict(found) == {"toolloom": 0.5, "toolloom, coins for unsure votes": 0.75}


def two_answers(build: ModuleType, ours: str, theirs: str, case: str = "") -> list[Any]:
    return [
        build.annotation(annotation_id=f"ours{case}", method="dfsdt"),
        build.annotation(annotation_id=f"theirs{case}", method="react"),
        said(f"ours{case}", ours),
        said(f"theirs{case}", theirs),
    ]


def votes_of(judge: str, case: str = "") -> tuple[Preference, Preference]:
    """What a judge says of a pair in both orders."""
    ahead, behind = {
        "ours": ("first", "second"),
        "theirs": ("second", "first"),
        "first": ("first", "first"),
        "tie": ("tie", "tie"),
    }[judge]
    ours, theirs = f"ours{case}", f"theirs{case}"
    return prefers(ours, theirs, ahead), prefers(theirs, ours, behind)


BY_VOTE = {"ours": 1.0, "theirs": 0.0, "first": 0.5, "tie": 0.5}
CASES = {
    f" {ours} {theirs} {judge}": (ours, theirs, judge)
    for ours, theirs, judge in product(STATUSES, STATUSES, BY_VOTE)
}


BY_RULES = "SELECT rules, annotation_id, won, by_rule FROM judged_pairs"


@pytest.mark.parametrize("rules", ["toolbench", "toolbench_recorded"])
def test_pairs_are_decided_as_the_published_evaluator_does(
    rules: str, rows_of: Ask, build: ModuleType
) -> None:
    """The better label wins, a judge decides between equal ones; recorded labels are as good as a coin."""
    found = rows_of(
        "SELECT rules, annotation_id, won, by_rule FROM judged_pairs WHERE annotation_id LIKE 'ours%'",
        *(row for case, (ours, theirs, _) in CASES.items() for row in two_answers(build, ours, theirs, case)),
        *(row for case, (_, _, judge) in CASES.items() for row in votes_of(judge, case)),
    )

    def decided(ours: str, theirs: str, judge: str) -> tuple[float, bool]:
        if ours == theirs:
            return BY_VOTE[judge], False
        better = float(STATUSES.index(ours) < STATUSES.index(theirs))
        return (better if rules == "toolbench" else 0.5), True

    assert {case: (won, by_rule) for by, case, won, by_rule in found if by == rules} == {
        f"ours{case}": decided(*given) for case, given in CASES.items()
    }


@pytest.mark.parametrize(
    ("statuses", "judge", "rules", "won", "by_rule"),
    [
        ((SOLVED, UNSOLVED), "theirs", "toolloom", 1.0, True),
        ((UNSURE, SOLVED), "ours", "toolloom", 1.0, False),
        ((UNSURE, SOLVED), "ours", "stable", 1.0, False),
        ((UNSURE, SOLVED), "ours", "toolloom, unsure loses to solved", 0.0, True),
        ((SOLVED, UNSOLVED), "ours", "toolloom, labels shuffled", 0.5, True),
    ],
)
def test_labels_decide_a_pair_only_where_they_are_opposite_unless_that_mending_is_undone(
    statuses: tuple[str, str],
    judge: str,
    rules: str,
    won: float,
    by_rule: bool,
    rows_of: Ask,
    build: ModuleType,
) -> None:
    found = rows_of(BY_RULES, *two_answers(build, *statuses), *votes_of(judge))
    assert (rules, "ours", won, by_rule) in found


def test_who_wins_must_win_in_both_orders_unless_that_mending_is_undone(
    rows_of: Ask, build: ModuleType
) -> None:
    once = (prefers("ours", "theirs", "first"), prefers("theirs", "ours", "tie"))
    found = rows_of(
        "SELECT rules, annotation_id, won, flipped FROM judged_pairs "
        "WHERE rules IN ('toolloom', 'toolloom, either order') ORDER BY ALL",
        *two_answers(build, SOLVED, SOLVED),
        *once,
    )
    assert found == [
        ("toolloom", "ours", 0.5, False),
        ("toolloom", "theirs", 0.5, False),
        ("toolloom, either order", "ours", 0.75, False),
        ("toolloom, either order", "theirs", 0.25, False),
    ]


@pytest.mark.parametrize(
    ("later", "won"),
    [
        ((SOLVED, SOLVED), None),
        ((SOLVED, UNSURE), None),
        ((UNSOLVED, SOLVED), 0.0),
        ((SOLVED, UNSOLVED), 1.0),
    ],
)
def test_what_labels_decided_is_decided_by_the_labels_that_stand(
    later: tuple[str, str], won: float | None, rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT won FROM judged_pairs WHERE rules = 'toolloom' AND annotation_id = 'ours'",
        *two_answers(build, SOLVED, UNSOLVED),
        *(
            said(answer, label, vote=vote)
            for answer, label in zip(("ours", "theirs"), later, strict=True)
            for vote in (1, 2)
        ),
        prefers("ours", "theirs", "first", by_rule=True),
    )
    assert found == ([] if won is None else [(won,)])


def test_a_pair_with_a_vote_in_one_order_alone_is_not_decided(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT DISTINCT rules FROM judged_pairs",
        *two_answers(build, SOLVED, SOLVED),
        prefers("ours", "theirs", "first"),
        prefers("theirs", "ours", None),
    )
    assert found == []


def test_equal_answers_tie_whatever_their_labels(rows_of: Ask, build: ModuleType) -> None:
    same = prefers("ours", "theirs", "tie", by_rule=True)
    found = rows_of(
        "SELECT DISTINCT won, by_rule, flipped FROM judged_pairs", *two_answers(build, SOLVED, UNSOLVED), same
    )
    assert found == [(0.5, True, False)]


def test_rates_leave_out_what_is_set_aside_and_say_so(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT method, scenario, n_answers, n_set_aside, pass_rate, n_unsure FROM pass_rates "
        "WHERE rules = 'toolloom'",
        build.instruction(),
        build.instruction(instruction_id="instruction-2"),
        build.annotation(),
        build.annotation(annotation_id="annotation-2", instruction_id="instruction-2"),
        said("annotation-1", SOLVED),
        said("annotation-2", SOLVED, instruction_id="instruction-2"),
        task(SOLVABLE),
        task(UNSOLVABLE, "instruction-2"),
    )
    assert found == [("dfsdt", "G1", 1, 1, 1.0, 0)]


OTHERWISE = {"search_rules": ("rules", "toolloom", "toolbench"), "offer": ("offer", "sampled", "retrieved")}


@pytest.mark.parametrize("column", OTHERWISE)
def test_rates_tell_searches_of_other_rules_or_offers_apart(
    column: str, rows_of: Ask, build: ModuleType
) -> None:
    field, usual, other = OTHERWISE[column]
    found = rows_of(
        "SELECT search_rules, offer, pass_rate FROM pass_rates WHERE rules = 'toolloom'",
        build.annotation(**{field: usual}),
        build.annotation(annotation_id="other", **{field: other}),
        said("annotation-1", SOLVED),
        said("other", UNSOLVED),
    )
    assert sorted(row[2] for row in found if usual in row and other not in row) == [1.0]
    assert sorted(row[2] for row in found if other in row) == [0.0]


@pytest.mark.parametrize("column", OTHERWISE)
def test_win_rates_tell_pairs_of_other_rules_or_offers_apart(
    column: str, rows_of: Ask, build: ModuleType
) -> None:
    field, usual, other = OTHERWISE[column]
    found = rows_of(
        "SELECT search_rules, offer, against_search_rules, against_offer, win_rate FROM win_rates "
        "WHERE rules = 'toolloom' AND method = 'dfsdt' ORDER BY win_rate",
        *(
            row
            for case, searched in enumerate((usual, other))
            for row in (
                build.annotation(annotation_id=f"ours{case}", method="dfsdt", **{field: searched}),
                build.annotation(annotation_id=f"theirs{case}", method="react", **{field: searched}),
                said(f"ours{case}", SOLVED),
                said(f"theirs{case}", SOLVED),
            )
        ),
        *votes_of("theirs", "0"),
        *votes_of("ours", "1"),
    )
    assert [(row.count(usual), row.count(other), row[-1]) for row in found] == [
        (2, 0, 0.0),
        (0, 2, 1.0),
    ]


def test_win_rates_count_pairs_from_both_sides(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT method, against, scenario, n_pairs, n_won, n_tied, n_lost, win_rate, n_by_rule "
        "FROM win_rates WHERE rules = 'toolloom' ORDER BY method",
        build.instruction(),
        *two_answers(build, SOLVED, SOLVED),
        *votes_of("ours"),
    )
    assert found == [
        ("dfsdt", "react", "G1", 1, 1, 0, 0, 1.0, 0),
        ("react", "dfsdt", "G1", 1, 0, 0, 1, 0.0, 0),
    ]


def test_pairs_on_what_cannot_be_solved_are_set_aside_as_answers_are(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT rules, sum(n_pairs) FROM win_rates "
        "WHERE method = 'dfsdt' AND rules IN ('toolloom', 'stable') "
        "GROUP BY rules",
        build.instruction(),
        *two_answers(build, SOLVED, SOLVED),
        *votes_of("ours"),
        task(UNSOLVABLE),
    )
    assert found == [("stable", 1)]


def test_a_judge_that_prefers_what_it_reads_first_is_seen_to_flip(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT n_answers, n_votes, unanimous, n_unusable, n_pairs, flipped FROM judge_health",
        *two_answers(build, SOLVED, SOLVED),
        said("ours", UNSURE, vote=1),
        *votes_of("first"),
    )
    assert found == [(2, 2, 0.0, 0, 1, 1.0)]


def test_every_question_that_brought_no_label_is_an_unusable_vote(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT n_answers, n_votes, unanimous, n_unusable, n_pairs, flipped FROM judge_health",
        *two_answers(build, SOLVED, SOLVED),
        *(said("ours", label, vote=vote) for vote, label in enumerate((SOLVED, None), 1)),
        build.annotation(annotation_id="mute"),
        *(said("mute", None, vote=vote) for vote in range(3)),
        task(None),
        prefers("ours", "theirs", "first"),
        prefers("theirs", "ours", None),
    )
    assert found == [(3, 3, 1.0, 6, 0, None)]


def test_an_answer_without_a_vote_is_not_judged_and_a_task_without_one_is_unsure(
    rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT annotation_id, n_votes, label, task, set_aside FROM judged_answers WHERE rules = 'toolloom'",
        build.annotation(),
        build.annotation(annotation_id="mute"),
        said("annotation-1", SOLVED),
        said("annotation-1", None, vote=1),
        *(said("mute", None, vote=vote) for vote in range(3)),
        *(task(None, vote=vote) for vote in range(3)),
    )
    assert found == [("annotation-1", 1, SOLVED, UNSURE, True)]


UNDONE = "toolloom, "


def test_each_mending_can_be_undone_by_itself_and_makes_a_difference(rows_of: Ask, build: ModuleType) -> None:
    """Of unsure votes, a task that cannot be solved, an unsure label beside a solved one, one order alone."""
    cases = {
        "unsure": [said("unsure", label, vote=vote) for vote, label in enumerate((SOLVED, UNSURE, UNSURE))],
        "impossible": [
            said("impossible", UNSOLVED, instruction_id="instruction-2"),
            task(UNSOLVABLE, "instruction-2"),
        ],
    }
    found = rows_of(
        "SELECT rules, list(annotation_id || passed || set_aside ORDER BY annotation_id), "
        "(SELECT list(annotation_id || won ORDER BY annotation_id) FROM judged_pairs "
        "WHERE judged_pairs.rules = judged_answers.rules) FROM judged_answers "
        "WHERE starts_with(rules, 'toolloom') GROUP BY rules",
        build.annotation(annotation_id="unsure"),
        build.annotation(annotation_id="impossible", instruction_id="instruction-2"),
        *(vote for votes in cases.values() for vote in votes),
        *two_answers(build, UNSURE, SOLVED, "1"),
        *votes_of("ours", "1"),
        *two_answers(build, SOLVED, UNSOLVED, "2"),
        *votes_of("ours", "2"),
        *two_answers(build, SOLVED, SOLVED, "3"),
        prefers("ours3", "theirs3", "first"),
        prefers("theirs3", "ours3", "tie"),
    )
    decided = {rules: counted for rules, *counted in found}
    assert {rules.removeprefix(UNDONE) for rules in decided if rules.startswith(UNDONE)} == {
        "coins for unsure votes",
        "unsolvable passes",
        "unsure loses to solved",
        "either order",
        "labels shuffled",
    }
    assert [rules for rules, counted in decided.items() if counted == decided["toolloom"]] == ["toolloom"]
