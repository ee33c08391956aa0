"""Texts: differences (difflib), characters (unicodedata), and layout (textwrap)."""

from __future__ import annotations

import difflib
import re
import textwrap
import unicodedata
from collections import Counter
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, Refusal, Tool, about, unprocessable
from sandbox.faults import Fault

DIFF = Tool(
    slug="text-diff",
    category="Text",
    name="Text Diff",
    description="Shows what changed between two texts and how similar they are.",
    provider="redline",
    backed_by="difflib",
    licence="PSF-2.0",
)
UNICODE = Tool(
    slug="unicode-explorer",
    category="Text",
    name="Unicode Explorer",
    description="Names, categories and code points of the characters of all scripts.",
    provider="glyphs",
    backed_by="unicodedata",
    licence="PSF-2.0",
)
LAYOUT = Tool(
    slug="text-tools",
    category="Text",
    name="Text Tools",
    description="Counts words, wraps paragraphs and makes slugs.",
    provider="redline",
    backed_by="textwrap",
)
Text = Annotated[str, Field(min_length=1, max_length=4000)]
_OLD = "The quick brown fox jumps over the lazy dog."
_NEW = "The quick red fox leaps over the sleepy dog."
_PROSE = "It was a bright cold day in April. The clocks were striking thirteen, and nobody wondered why."


@DIFF.get("/similarity")
def text_similarity(
    old: Annotated[Text, about("First text", _OLD)], new: Annotated[Text, about("Second text", _NEW)]
) -> Answer:
    """Computes how similar two texts are, from 0 to 1, and the longest passage they share."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    block = matcher.find_longest_match()
    shared = old[block.a : block.a + block.size]
    return {"ratio": rounded(matcher.ratio(), 4), "longest_shared": shared, "length": block.size}


@DIFF.get("/words")
def changed_words(
    old: Annotated[Text, about("Text before", _OLD)], new: Annotated[Text, about("Text after", _NEW)]
) -> Answer:
    """Lists the words that were replaced, deleted or inserted between two texts."""
    before, after = old.split(), new.split()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    changes = [
        {"kind": kind, "old": " ".join(before[a:b]), "new": " ".join(after[c:d])}
        for kind, a, b, c, d in matcher.get_opcodes()
        if kind != "equal"
    ]
    return {"n_changes": len(changes), "changes": changes}


@DIFF.post("/unified")
def unified_diff(
    old: Annotated[Text, about("Text before", "one\ntwo\nthree\nfour\n")],
    new: Annotated[Text, about("Text after", "one\ntwo and a half\nthree\nfive\n")],
    context: Annotated[int, about("Unchanged lines around a change", ge=0, le=20)] = 1,
) -> Answer:
    """Returns the unified diff of two texts and the numbers of added and removed lines."""
    lines = list(
        difflib.unified_diff(old.splitlines(), new.splitlines(), "old", "new", lineterm="", n=context)
    )
    body = lines[2:]
    counts = {"added": sum(x.startswith("+") for x in body), "removed": sum(x.startswith("-") for x in body)}
    return {"diff": "\n".join(lines), **counts}


@DIFF.get("/closest", fault=Fault.HUGE)
def closest_words(
    word: Annotated[Text, about("Misspelt word", "accomodate")],
    words: Annotated[
        list[str], about("Known words", ["accommodate", "accumulate", "commodity"], min_length=1)
    ],
) -> Answer:
    """close matches"""
    return {"matches": difflib.get_close_matches(word, words)}


def _character(letter: str) -> Answer:
    return {
        "character": letter,
        "code_point": f"U+{ord(letter):04X}",
        "name": unicodedata.name(letter, ""),
        "category": unicodedata.category(letter),
    }


@UNICODE.get("/characters")
def describe_characters(
    text: Annotated[str, about("Up to 40 characters", "ß€あ½", min_length=1, max_length=40)],
) -> Answer:
    """Describes each character of a text: code point, name, category, UTF-8 bytes and numeric value."""
    entries = [
        {
            **_character(letter),
            "utf8": letter.encode(errors="replace").hex(" "),
            "numeric": unicodedata.numeric(letter, None),
        }
        for letter in text
    ]
    return {"length": len(text), "characters": entries}


@cache
def _all_names() -> tuple[tuple[str, str], ...]:
    named = ((unicodedata.name(chr(point), ""), chr(point)) for point in range(0x20, 0x3000))
    return tuple((name, letter) for name, letter in named if name)


@UNICODE.get("/search")
def search_characters(
    words: Annotated[str, about("Words of the name", "arrow heavy", min_length=3, max_length=60)],
    limit: Annotated[int, about("Most characters to return", ge=1, le=100)] = 20,
) -> Answer:
    """Finds letters and symbols whose official Unicode name contains all the given words."""
    wanted = words.upper().split()
    found = [letter for name, letter in _all_names() if all(word in name for word in wanted)]
    return {"total": len(found), "characters": [_character(letter) for letter in found[:limit]]}


_BLOCKS = {
    "greek": (0x370, 0x400), "cyrillic": (0x400, 0x500), "hebrew": (0x590, 0x600),
    "hiragana": (0x3040, 0x30A0),
    "arrows": (0x2190, 0x2200), "currency": (0x20A0, 0x20D0), "box-drawing": (0x2500, 0x2580),
}  # fmt: skip


@UNICODE.get("/blocks/{block}")
def characters_of_a_block(
    block: Annotated[
        Literal["greek", "cyrillic", "hebrew", "hiragana", "arrows", "currency", "box-drawing"],
        about("Block of the code", "greek"),
    ],
) -> Answer:
    """Lists all characters of a Unicode block with code point, name and category."""
    letters = [chr(point) for point in range(*_BLOCKS[block]) if unicodedata.name(chr(point), "")]
    return {"block": block, "count": len(letters), "characters": [_character(letter) for letter in letters]}


@UNICODE.get("/named/{name}", fault=Fault.DROPPED_CONNECTION)
def character_by_name(name: Annotated[str, about("Official name", "SNOWMAN", max_length=80)]) -> Answer:
    """Looks a character up by its exact official name."""
    try:
        letter = unicodedata.lookup(name.upper())
    except KeyError:
        raise Refusal(f"no character is named '{name}'; try GET /search", code="unknown_character") from None
    if len(letter) != 1:
        raise unprocessable(f"'{name}' names a sequence of characters")
    return _character(letter)


@UNICODE.get("/normalise", fault=Fault.WRONG_CONTENT_TYPE)
def normal_forms(text: Annotated[str, about("Text", "Ångström ﬁ", min_length=1, max_length=200)]) -> Answer:
    """Unicode normal forms of a text."""
    return {form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}


@LAYOUT.get("/statistics", backed_by="re")
def text_statistics(text: Annotated[Text, about("English text", _PROSE)]) -> Answer:
    """Counts sentences, words, syllables and letters and computes the Flesch reading ease."""
    words = re.findall(r"[A-Za-z']+", text)
    if not words:
        raise unprocessable("the text has no words in Latin letters")
    sentences = max(1, len(re.findall(r"[.!?]+(?:\s|$)", text)))
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", word.lower())))) for word in words)
    ease = 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)
    return {
        "sentences": sentences,
        "words": len(words),
        "syllables": syllables,
        "letters": sum(map(len, words)),
        "flesch_reading_ease": rounded(ease, 2),
    }


@LAYOUT.get("/frequencies", backed_by="re", fault=Fault.HUGE)
def word_frequencies(
    text: Annotated[Text, about("Any text", _PROSE)],
    top: Annotated[int, about("How many words to return", ge=1, le=100)] = 5,
) -> Answer:
    """Counts how often each word occurs in a text; returns the most frequent ones."""
    counts = Counter(re.findall(r"\w+", text.casefold()))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]
    return {"different_words": len(counts), "top": [{"word": word, "count": count} for word, count in ranked]}


@LAYOUT.get("/wrap")
def wrap_text(
    text: Annotated[Text, about("Text to wrap", _PROSE)],
    width: Annotated[int, about("Characters per line", ge=10, le=200)] = 40,
    indent: Annotated[str, about("Put before every line", max_length=10)] = "",
) -> Answer:
    """Wraps a text into lines of a given width; returns the lines and how many there are."""
    lines = textwrap.wrap(text, width + len(indent), initial_indent=indent, subsequent_indent=indent)
    return {"n_lines": len(lines), "lines": lines, "longest": max(map(len, lines), default=0)}


@LAYOUT.get("/slug", fault=Fault.SERVER_ERROR, backed_by="unicodedata")
def make_slug(title: Annotated[Text, about("Title", "Crème brûlée: how to do it")]) -> Answer:
    """slug of a title"""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return {"slug": re.sub(r"[^a-z0-9]+", "-", plain).strip("-")}
