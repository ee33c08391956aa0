"""What a model thinks before it answers, told apart from the answer.  Pure.

Endpoints that read a model's thinking send it in a field of its own.  Others leave it in the text, between
the marks of the model's template; and where the template puts the opening mark into the prompt, the text
has only the closing one.  What is thought is full of drafts (JSON, `Action:` lines) that look like a reply.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

_WORDS = (
    "think(?:ing)?|thoughts?(?:_process)?|reasoning|reflection|scratch_?pad|(?:inner|internal)_monologue"
    "|chain_of_thought|cot|analysis"
)
# Qwen, DeepSeek, GLM, ...; Magistral; Kimi-VL; Sky-T1; Cohere; Gemma 4; MedGemma.
_MARK = re.compile(
    rf"<(?P<slash>/?)(?:\w+:|longcat_|mid_|ant_?)?(?P<word>{_WORDS})(?:\s[^<>]*)?>"
    r"|(?P<opening>\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel>thought\b"
    r"|<unused94>thought\b)"
    r"|(?P<closing>\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>|<unused95>)",
    re.IGNORECASE,
)
_CLOSINGS = {
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
}
# gpt-oss: every message names its channel; llama.cpp and others leave out the marks but not the names.
_HARMONY_BEGINS = re.compile(r"\s*(?:<\|start\|>|<\|channel\|>|(?:analysis|commentary|final)<\|message\|>)")
_HARMONY = re.compile(
    r"(?:<\|start\|>)?(?P<head>[^<]{0,200})<\|channel\|>(?P<channel>\w+)"
    r"(?P<rest>[^<]{0,200}(?:<\|constrain\|>[^<]{0,200})?)"
    r"<\|message\|>(?P<text>.*?)(?:<\|(?:end|call|return)\|>|(?=<\|(?:start|channel)\|>)|\Z)",
    re.DOTALL,
)
_BARE_HARMONY = re.compile(
    r"\s*analysis(?P<thought>.*?)assistant\s*(?:final(?P<said>.*)|(?P<call>commentary\b.*))", re.DOTALL
)
_GRANITE = re.compile(
    r"\s*Here(?: is|'s) my thought process:(?P<thought>.*?)Here(?: is|'s) my response:(?P<said>.*)", re.DOTALL
)
# Its template has the heading, or the prompt ends with it.
_APRIEL = re.compile(
    r"\s*(?:Here are my reasoning steps:)?(?P<thought>.*?)\[BEGIN FINAL RESPONSE\](?P<said>.*?)"
    r"(?:\[END FINAL RESPONSE\].*)?",
    re.DOTALL,
)
_NAMED = re.compile(r"\s*(?:analysis|Here is my|Here's my)")
# Some models go from thinking to a call without a word.
_CALLS_AT_THE_END = re.compile(
    r"(?:<tool_call>(?:(?!<tool_call>).)*</tool_call>\s*)+\Z|<\|tool_calls_section_begin\|>.*\Z", re.DOTALL
)
_QUOTED = re.compile(r"(?<!\w)([\"'`])(?:(?!\1).)+\1(?!\w)")
_XML_VALUE = re.compile(r"<(?P<tag>parameter|arg_value)\b[^<>]*>(?:(?!<(?P=tag)\b).)*?</(?P=tag)>", re.DOTALL)
_JSON_BEGINS = re.compile(r"[\[{](?=\s*[\"'{\[\]}\w-])")
_MOST_JSON_READ = 200
_MOST_NESTED = 50  # marks looked at
_DECODER = json.JSONDecoder()


def without_thinking(text: str) -> tuple[str | None, str | None]:
    """(what is said, what was thought).

    Said is None where there is nothing else than thinking; a text without thinking stays as it is.  A mark
    within a JSON value, a quotation or a parameter is spoken of, and marks nothing.
    """
    if not ("<" in text or "THINK]" in text or "[BEGIN FINAL" in text or "◁" in text or _NAMED.match(text)):
        return text, None
    thoughts: list[str] = []
    said = _marked(_named(text, thoughts), thoughts)
    if said is text:
        return text, None
    return said.strip() or None, "\n\n".join(filter(None, map(str.strip, thoughts))) or None


def _named(text: str, thoughts: list[str]) -> str:
    """Without the thoughts that are named instead of marked (Harmony's channels, Granite's headings)."""
    for form in (_BARE_HARMONY, _GRANITE, _APRIEL):
        named = form.fullmatch(text)
        if named is not None:
            found = named.groupdict()
            thoughts.append(found["thought"])
            return found["said"] or found.get("call") or ""
    if _HARMONY_BEGINS.match(text) is None:
        return text
    said: list[str] = []
    at = 0
    if not text.lstrip().startswith("<|"):
        text = f"<|channel|>{text.lstrip()}"  # which the prompt ended with
    for message in _HARMONY.finditer(text):
        said.append(text[at : message.start()])
        at = message.end()
        if "to=" in message["head"] + message["rest"]:
            said.append(message[0])  # a call, which is read where the names on offer are known
        elif message["channel"] == "analysis":
            thoughts.append(message["text"])
        else:
            said.append(message["text"])
    return "".join([*said, text[at:]])


def _marked(text: str, thoughts: list[str]) -> str:
    marks = list(_marks(text))
    said: list[str] = []
    endless: set[str] = set()
    at = 0
    for n, mark in enumerate(marks):
        if mark.start() < at:
            continue
        if _closes(mark):
            # The first ends what the prompt had opened; a later one, if it does not stand within a sentence.
            if not thoughts or _stands_alone(text, mark):
                thoughts.append("".join([*said, text[at : mark.start()]]))
                said, at = [], mark.end()
            continue
        end = None if _closing_of(mark) in endless else _end_of(marks, n)
        if end is None:
            endless.add(_closing_of(mark))
            if not _begins_a_line(text, mark):
                continue  # no end, and within a line: it is spoken of
        said.append(text[at : mark.start()])
        at = _calls_at_the_end(text, mark.end()) if end is None else end.end()
        thoughts.append(text[mark.end() : at if end is None else end.start()])
        if end is None:
            break
    return "".join([*said, text[at:]]) if thoughts else text


def _end_of(marks: list[re.Match[str]], n: int) -> re.Match[str] | None:
    """The mark that ends it: of nested ones the outer, where as many are closed as were opened."""
    wanted = _closing_of(marks[n])
    first: re.Match[str] | None = None
    n_open = 1
    for mark in islice(marks, n + 1, n + _MOST_NESTED):
        if _closes(mark) == wanted:
            first = first or mark
            n_open -= 1
            if n_open == 0:
                return mark
        elif not _closes(mark) and _closing_of(mark) == wanted:
            n_open += 1
    later = (mark for mark in islice(marks, n + _MOST_NESTED, None) if _closes(mark) == wanted)
    return first or next(later, None)


def _marks(text: str) -> Iterator[re.Match[str]]:
    """The marks that mark something."""
    found = list(_MARK.finditer(text))
    if not found:
        return
    of_values = list(_json_values(text))
    spans = (of_values, *([part.span() for part in form.finditer(text)] for form in (_XML_VALUE, _QUOTED)))
    for mark in found:
        if not any(_is_within(mark, of_kind) for of_kind in spans):
            yield mark


def _is_within(mark: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    n = bisect_left(spans, (mark.start(), 0)) - 1
    return n >= 0 and mark.end() < spans[n][1]


def _json_values(text: str) -> Iterator[tuple[int, int]]:
    at = n_read = 0
    while n_read < _MOST_JSON_READ and (opening := _JSON_BEGINS.search(text, at)) is not None:
        n_read += 1
        try:
            _, at = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            at = opening.end()
        else:
            yield opening.start(), at


def _closes(mark: re.Match[str]) -> str:
    """What it closes, "" for a mark that opens."""
    if mark["word"]:
        return f"</{mark['word']}>".lower() if mark["slash"] else ""
    return (mark["closing"] or "").lower()


def _closing_of(mark: re.Match[str]) -> str:
    return f"</{mark['word']}>".lower() if mark["word"] else _CLOSINGS[mark["opening"].lower()]


def _stands_alone(text: str, mark: re.Match[str]) -> bool:
    return _begins_a_line(text, mark) or not text[mark.end() :].partition("\n")[0].strip()


def _begins_a_line(text: str, mark: re.Match[str]) -> bool:
    return not text[max(0, text.rfind("\n", 0, mark.start())) : mark.start()].strip()


def _calls_at_the_end(text: str, start: int) -> int:
    if not text.rstrip().endswith(("</tool_call>", "<|tool_calls_section_end|>")):
        return len(text)
    calls = _CALLS_AT_THE_END.search(text, start)
    return len(text) if calls is None else calls.start()
