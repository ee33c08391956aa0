"""A conversation as the text and the tokens that a model is shown, and which of them it learns to say.

What is learned of a turn is what its rendering adds to the prompt for it.  So whatever training shows is what
inference shows, for any template that only ever adds to what it has rendered; one that does not, such as one
that strips the thoughts of earlier turns, is refused.  Needs neither torch nor transformers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.exact_json import Json

Encode = Callable[[str], list[int]]
"""The tokens of a text as it stands: none is added, and names of control tokens are these tokens."""


class Unrenderable(ValueError):
    """A conversation that a template cannot show so that one can learn from it; says why."""


class Turn(NamedTuple):
    """A turn of the assistant: where in the text what the model says begins, and where it ends.

    learned: not where it calls a function that does not exist.
    """

    begin: int
    end: int
    learned: bool


class Rendered(NamedTuple):
    """A conversation as text.  turns: those of the assistant, in order."""

    text: str
    turns: tuple[Turn, ...]


class Tokens(NamedTuple):
    """A conversation as tokens.  learned: from which to before which the model learns to say.

    n_straddling: turns whose prompt, tokenised by itself as inference does, has other tokens than here.
    """

    ids: list[int]
    learned: tuple[tuple[int, int], ...]
    n_straddling: int


class ChatTemplate:
    """A chat template as transformers, vLLM and others render it.

    name: in messages to people.  control: the tokenizer's special tokens, by their text; a turn must end with
    one, by which the model stops.  variables: `bos_token` and such.
    """

    def __init__(
        self, name: str, text: str, control: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> None:
        """Raises `Unrenderable` for a text that is no template."""
        self.name = name
        self.text = text
        self._control = tuple(sorted(filter(None, control), key=len, reverse=True))
        self._variables = dict(variables or {})
        said = (text, *self._variables.values())
        self._marks = tuple(token for token in self._control if any(token in each for each in said))
        try:
            self._template = _ENVIRONMENT.from_string(text)
        except TemplateError as error:
            raise Unrenderable(f"it is no template: {error}") from error

    def render(self, messages: Sequence[Json], tools: Sequence[Json], *, prompt: bool = False) -> str:
        """prompt: with what comes before the assistant's next turn.  Raises `Unrenderable`."""
        try:
            return self._template.render(
                **self._variables, messages=messages, tools=tools or None, add_generation_prompt=prompt
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
            raise Unrenderable(f"it fails: {error}") from error

    def rendered(self, messages: Sequence[Json], tools: Sequence[Json]) -> Rendered:
        """A conversation with the turns that are learned.  Raises `Unrenderable`."""
        turns = []
        whole = self.render(messages, tools)
        for at, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before = self.render(messages[:at], tools, prompt=True)
            after = self.render(messages[: at + 1], tools) if at + 1 < len(messages) else whole
            if not after.startswith(before):
                raise Unrenderable(
                    "what it shows before a turn is not the beginning of what it shows with it"
                )
            if not whole.startswith(after):
                raise Unrenderable("it shows a turn in another way once others follow")
            said = after[len(before) :].rstrip()
            if not said.endswith(self._control):
                raise Unrenderable("it ends a turn without a control token, so that nobody learns to stop")
            turns.append(Turn(len(before), len(before) + len(said), message.get("weight") != 0))
        if turns and whole[turns[-1].end :].strip() and messages[-1]["role"] == "assistant":
            raise Unrenderable("it shows more after the last turn")
        return Rendered(whole, tuple(turns))

    def injected(self, messages: Sequence[Json], tools: Sequence[Json]) -> str | None:
        """A mark of the template that a conversation says itself: what an API returned could end a turn."""
        said = json.dumps([messages, tools], ensure_ascii=False)
        return next((token for token in self._marks if _escaped(token) in said), None)

    @property
    def end_of_turn(self) -> str:
        """The control token with which a turn ends.  Raises `Unrenderable`."""
        shown = self.rendered(_PROBE, _PROBE_TOOLS)
        said = shown.text[shown.turns[0].begin : shown.turns[0].end]
        return next(token for token in self._control if said.endswith(token))


def tokens_of(rendered: Rendered, encode: Encode, *, splits: bool = False) -> Tokens:
    """The text as a whole where each prompt's tokens are its beginning, else part by part, so that what is
    learned is a turn to the letter either way.

    splits: see `splits_at_control`; each part is then tokenised twice, not once for every turn behind it.
    """
    text, turns = rendered.text, rendered.turns
    ids: list[int] = []
    learned, at, n_straddling, differs = [], 0, 0, False
    whole = [] if splits else encode(text)
    for turn in turns:
        before, said = encode(text[at : turn.begin]), encode(text[turn.begin : turn.end])
        if splits:
            n_straddling += differs
            differs = differs or encode(text[at : turn.end]) != before + said
        else:
            prompt = encode(text[: turn.begin])
            if whole[: len(prompt)] == prompt and whole[len(prompt) : len(prompt) + len(said)] == said:
                before = prompt[len(ids) :] if prompt[: len(ids)] == ids else before
            n_straddling += ids + before != prompt
        ids += before
        learned.append((len(ids), len(ids) + len(said)))
        ids += said
        at = turn.end
    ids += encode(text[at:])
    kept = tuple(span for span, turn in zip(learned, turns, strict=True) if turn.learned)
    return Tokens(ids, kept, n_straddling)


def splits_at_control(template: ChatTemplate, encode: Encode) -> bool:
    """Whether what follows a turn has the same tokens whatever the turn was, as where control tokens split
    the text before all else; found by a small conversation.
    """
    text, turns = template.rendered(_PROBE, _PROBE_TOOLS)
    return all(
        encode(text[: turn.end]) + encode(text[turn.end : end]) == encode(text[:end])
        for turn in turns
        for end in range(turn.end, min(turn.end + 60, len(text) + 1))
    )


def unsuited(template: ChatTemplate) -> str | None:
    """Why a template is not fit for searches, found by a small one; None: it is."""
    try:
        shown = template.rendered(_PROBE, _PROBE_TOOLS)
    except Unrenderable as error:
        return str(error)
    parts = {
        "the functions on offer": "probe_function",
        "what a parameter means": "probe parameter",
        "a call": "probe_argument",
        "a thought before a call": "probe thought",
        "what a call returned": "probe result",
    }
    called = shown.text[shown.turns[0].begin : shown.turns[0].end]
    for what, words in parts.items():
        if words not in shown.text or (what in ("a call", "a thought before a call") and words not in called):
            return f"it does not show {what}"
    return None


def _call(number: int, arguments: Json) -> Json:
    function = {"name": "probe_function", "arguments": arguments}
    return {"id": f"abcdefgh{number}", "type": "function", "function": function}


_PROBE_TOOLS: list[Json] = [
    {
        "type": "function",
        "function": {
            "name": "probe_function",
            "description": "A function.",
            "parameters": {
                "type": "object",
                "properties": {"key": {"type": "string", "description": "probe parameter"}},
                "required": ["key"],
            },
        },
    }
]
_PROBE: list[Json] = [
    {"role": "system", "content": "You call functions."},
    {"role": "user", "content": "Do it."},
    {
        "role": "assistant",
        "content": "probe thought",
        "tool_calls": [_call(0, {"key": "probe_argument"})],
    },
    {"role": "tool", "name": "probe_function", "content": "probe result", "tool_call_id": "abcdefgh0"},
    {"role": "assistant", "content": "", "tool_calls": [_call(1, {"key": "<&>'é"})]},
    {"role": "tool", "name": "probe_function", "content": "42", "tool_call_id": "abcdefgh1"},
    {"role": "assistant", "content": "Done."},
]


class _Generation(Extension):
    """`{% generation %}`, by which some templates mark what is learned: shown as it stands."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_shown"), [], [], body).set_lineno(line)

    @staticmethod
    def _shown(caller: Callable[[], str]) -> str:
        return caller()


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **given: Any) -> str:
    """As transformers has it: without HTML's escapes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **given)


def _escaped(token: str) -> str:
    return json.dumps(token, ensure_ascii=False)[1:-1]


_ENVIRONMENT = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
)
_ENVIRONMENT.filters["tojson"] = _json
_ENVIRONMENT.globals["raise_exception"] = _refuse
# A day that no run hangs on: the same rows have the same tokens tomorrow.
_ENVIRONMENT.globals["strftime_now"] = lambda form: datetime(2026, 1, 1, tzinfo=UTC).strftime(form)
