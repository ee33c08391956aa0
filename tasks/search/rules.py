"""The differences between the published search and ours, one named flag each.

The numbers are those of the list of mendings in docs (`rules = "toolbench"` against `"toolloom"`).
Number 10, outcomes decided from the HTTP layer, is the law of `tasks.calling` and has no flag here:
outcomes never steer the traversal under either rule set.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A rule set; each flag says what is mended when it is set.

    depth_counts_replies (1): the depth limit counts replies; else tree nodes, so thinking aloud costs depth.
    root_outlives_give_up (2): a give-up directly below the root costs one child; else it ends the search.
    last_reply_counts (3): the reply to the last permitted query is used, and no other is asked for; else
    it is thrown away, and comparisons of ranking go on beyond the limit.
    exact_names (4): a wrong function name is answered with the nearest valid ones; else names match by
    ending, the first offered wins, and an unknown name is hidden from the model.
    repair_arguments (5): arguments and Finish that almost parse are repaired; else they fail, except a
    cut-off Finish that says in so many words how it ends.
    blank_answer_fails (6): giving a blank answer is a failed step; else it wins.
    answer_is_text (6): the final answer is the text given; else the raw arguments of Finish, give-ups too.
    blank_text_is_none (6): a reply's blank text is no thought; else it is a thought of its own.
    empty_reply_fails (6): a reply with neither text nor call is a failed child; else an empty thought.
    diversity_tells_ends (7): the diversity message says how each earlier branch ended.
    diversity_lists_thoughts (7): it lists text-only children by their text; else the first call below
    them, or not at all.
    observation_stays_valid (8): long observations are compressed and cut by tokens at a boundary; else
    after 1024 characters.
    optional_always_offered (9): optional parameters are always offered; else only beside required ones.
    numbers_stay_numbers (9): a number is `number` and keeps its bounds and enums; else `integer`, bare, with
    an example value as the source wrote it.
    documents_describe (9): functions are described by their documents; else by what the source says, cut
    after 256 characters, behind a fixed sentence.
    cut_names_are_valid (9): a name that is too long ends in a digest and begins with a letter; else it is
    its last 64 characters.
    answer_ends_ranking (11): with ranking, an answer among the generated children ends the search at once;
    else the siblings are ranked first.
    vote_is_a_word (11): with ranking, the vote is the word A or B; else the last letter decides.
    parallel_calls (12): all calls of a reply are made, in order; else the first one only.
    texts_are_answered: a reply of text alone is answered with a word to go on, in the request only; else
    the next request ends with it, which many servers refuse.
    outage_suspends (13): a transient failure of the endpoint is no business of the search; else it is a
    failed child, as a refusal is under both rule sets.
    """

    name: str
    depth_counts_replies: bool
    root_outlives_give_up: bool
    last_reply_counts: bool
    exact_names: bool
    repair_arguments: bool
    blank_answer_fails: bool
    answer_is_text: bool
    blank_text_is_none: bool
    empty_reply_fails: bool
    diversity_tells_ends: bool
    diversity_lists_thoughts: bool
    observation_stays_valid: bool
    optional_always_offered: bool
    numbers_stay_numbers: bool
    documents_describe: bool
    cut_names_are_valid: bool
    answer_ends_ranking: bool
    vote_is_a_word: bool
    parallel_calls: bool
    texts_are_answered: bool
    outage_suspends: bool


FLAGS = tuple(field.name for field in fields(Rules) if field.name != "name")

TOOLBENCH = Rules(name="toolbench", **dict.fromkeys(FLAGS, False))
TOOLLOOM = Rules(name="toolloom", **dict.fromkeys(FLAGS, True))
RULES = {rules.name: rules for rules in (TOOLBENCH, TOOLLOOM)}
