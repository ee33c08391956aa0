"""What a model is trained on: the conversations and preferences of a run's searches, as tokens.

The same conversations as `toolloom export trl`, but that the user's turn is what the search showed, and each
has its tokens and what of them is learned.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import exact_json
from tasks.exact_json import Json
from tasks.exporting.openai_messages import NO_JSON, NotJson, training_example
from tasks.exporting.searches import TRAIN, UNSEEN_INSTRUCTION, Search, Source
from tasks.exporting.trainers import UNPLACED, Pair, preference_of, trl_messages
from tasks.training.rendering import ChatTemplate, Encode, Unrenderable, splits_at_control, tokens_of
from warehouse.tables.accounts import Reject

Ids = NDArray[np.int32]
TOO_LONG, NOT_JSON, CONTROL_TOKEN, NOT_RENDERED = "too_long", "not_json", "control_token", "not_rendered"
OTHER_METHOD = "another method than [train] methods names"
OTHER_MODEL = "another model than [train] models names"
TRAINED_HERE = "a model that was trained here searched; [train] models can name it"
NOTHING_LEARNED = "it calls nothing that exists, so there is nothing to learn"


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation.  learned: from which to before which token the model learns to say."""

    ids: Ids
    learned: tuple[tuple[int, int], ...]

    @property
    def labels(self) -> Ids:
        """The tokens that are learned, in their places; -100, which the loss leaves out, elsewhere."""
        labels = np.full(len(self.ids), -100, dtype=np.int32)
        for begin, end in self.learned:
            labels[begin:end] = self.ids[begin:end]
        return labels


@dataclass(frozen=True, slots=True)
class Preferred:
    """Two replies to a conversation."""

    prompt: Ids
    chosen: Ids
    rejected: Ids


@dataclass
class Material:
    """held_out: instructions that training does not see, at its level.  left_out: searches that are none, by
    reason.  n_straddling: turns whose prompt has other tokens at inference.
    """

    train: list[Example] = field(default_factory=list)
    held_out: list[Example] = field(default_factory=list)
    pairs: list[Preferred] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    n_straddling: int = 0

    @property
    def n_conversations(self) -> int:
        return len(self.train) + len(self.held_out) + len(self.rejects)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        rows = [len(each.ids) for each in (*self.train, *self.held_out)]
        rows += [len(each.prompt) + max(len(each.chosen), len(each.rejected)) for each in self.pairs]
        return max(rows, default=0)

    def account(self) -> dict[str, Any]:
        """As a model's card has it."""
        return {
            "n_conversations": len(self.train),
            "n_held_out": len(self.held_out),
            "n_pairs": len(self.pairs),
            "left_out": dict(sorted(self.left_out.items())),
            "n_straddling": self.n_straddling,
            "longest": self.longest,
        }

    def digest(self) -> str:
        """Of what is learned from.  What is held out is only measured: more of it makes no other model."""
        digest = hashlib.blake2b(digest_size=16)
        for example in self.train:
            digest.update(f"train {len(example.ids)} {example.learned}\n".encode())
            digest.update(example.ids.tobytes())
        for pair in self.pairs:
            for ids in (pair.prompt, pair.chosen, pair.rejected):
                digest.update(f"pair {len(ids)}\n".encode())
                digest.update(ids.tobytes())
        return digest.hexdigest()


def material_of(
    source: Source,
    template: ChatTemplate,
    encode: Encode,
    *,
    max_tokens: int,
    methods: Sequence[str] = (),
    models: Sequence[str] = (),
    not_by: Collection[str] = (),
    pairs: bool = False,
    read: Callable[[int], None] = lambda _: None,
) -> Material:
    """methods, models: whose searches these are to be; none: all.  not_by: models whose searches are taken
    only if named.  max_tokens: of a row; longer ones are rejects.  pairs: these, too.  read: told how many
    searches.
    """
    found = Material()
    of_search: dict[str, list[Pair]] = {}
    if pairs:
        rows = source.rows(Pair, "export_pairs")
        of_search = {key: list(some) for key, some in groupby(rows, attrgetter("annotation_id"))}
    reader = _Reader(template, encode, max_tokens, found)
    for number, search in enumerate(source.searches(trees=pairs), 1):
        read(number)
        if search.level not in (TRAIN, UNSEEN_INSTRUCTION):
            continue
        if methods and search.annotation.method not in methods:
            found.left_out[OTHER_METHOD] += 1
            continue
        if models and search.annotation.model not in models:
            found.left_out[OTHER_MODEL] += 1
            continue
        if not models and search.annotation.model in not_by:
            found.left_out[TRAINED_HERE] += 1
            continue
        asked = _as_asked(search)
        if source.is_result(search, ""):
            reader.conversation(asked)
        if search.level == TRAIN:
            for pair in of_search.get(search.annotation.annotation_id, ()):
                reader.preference(asked, pair)
    found.left_out += source.left_out
    return found


def _as_asked(search: Search) -> Search:
    """With what the search's user turn said in the place of the query: rules may put words around it."""
    said = next((m.content for m in search.annotation.messages if m.role == "user" and m.content), None)
    return search if said is None else replace(search, instruction=replace(search.instruction, query=said))


class _Reader:
    def __init__(self, template: ChatTemplate, encode: Encode, max_tokens: int, found: Material) -> None:
        self._template, self._encode, self._max_tokens, self._found = template, encode, max_tokens, found
        self._splits = splits_at_control(template, encode)

    def conversation(self, search: Search) -> None:
        """Puts it to what is learned or held out, or to the rejects."""
        try:
            example = training_example(search.annotation, search.instruction.query, merged=False)
        except NotJson:
            self._refuse(search, NOT_JSON, NO_JSON)
            return
        messages = _with_weights(example["messages"])
        token = self._template.injected(messages, example["tools"])
        if token is not None:
            self._refuse(search, CONTROL_TOKEN, f"it says {token}, by which the template marks turns")
            return
        try:
            rendered = self._template.rendered(messages, example["tools"])
            tokens = tokens_of(rendered, self._encode, splits=self._splits)
        except Unrenderable as error:
            self._refuse(search, NOT_RENDERED, f"the template {self._template.name}: {error}")
            return
        if len(tokens.ids) > self._max_tokens:
            self._refuse(search, TOO_LONG, f"{len(tokens.ids):,} tokens, of {self._max_tokens:,} at most")
            return
        if not tokens.learned:
            self._found.left_out[NOTHING_LEARNED] += 1
            return
        self._found.n_straddling += tokens.n_straddling
        rows = self._found.train if search.level == TRAIN else self._found.held_out
        rows.append(Example(np.array(tokens.ids, dtype=np.int32), tokens.learned))

    def preference(self, search: Search, pair: Pair) -> None:
        """Adds it, or counts why not."""
        try:
            preferred = self._preferred(search, pair)
        except NotJson:
            self._found.left_out[f"a preference: {NO_JSON}"] += 1
        except Unrenderable as error:
            self._found.left_out[f"a preference: {error}"] += 1
        else:
            if preferred is None:
                self._found.left_out[UNPLACED] += 1
            elif (
                len(preferred.prompt) + max(len(preferred.chosen), len(preferred.rejected)) > self._max_tokens
            ):
                self._found.left_out["a preference: longer than [train] max_tokens"] += 1
            else:
                self._found.pairs.append(preferred)

    def _preferred(self, search: Search, pair: Pair) -> Preferred | None:
        """None where it has no place.  Raises `NotJson` and `Unrenderable`."""
        preference = preference_of(search, pair)
        if preference is None:
            return None
        tools = exact_json.loads(search.annotation.functions)
        ids = []
        for reply in (preference.chosen, preference.rejected):
            messages = trl_messages([*preference.prompt, reply])
            token = self._template.injected(messages, tools)
            if token is not None:
                raise Unrenderable(f"it says {token}, by which the template marks turns")
            shown = self._template.rendered(messages, tools)
            last = shown.turns[-1]
            ids.append(
                (self._encode(shown.text[: last.begin]), self._encode(shown.text[last.begin : last.end]))
            )
        (prompt, chosen), (_, rejected) = ids
        return Preferred(*(np.array(each, dtype=np.int32) for each in (prompt, chosen, rejected)))

    def _refuse(self, search: Search, reason: str, detail: str) -> None:
        row_id = search.annotation.annotation_id
        self._found.rejects.append(Reject(stage="train", row_id=row_id, reason=reason, detail=detail))


def _with_weights(messages: Sequence[Json]) -> list[Json]:
    """As TRL's loader has them, and what is not learned says so."""
    rows = trl_messages(messages)
    for row, message in zip(rows, messages, strict=True):
        if "weight" in message:
            row["weight"] = message["weight"]
    return rows
