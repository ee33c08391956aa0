"""Words: inflection, humanize, jellyfish and snowballstemmer; and a service that is dead."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import humanize
import inflection
import jellyfish
from pydantic import Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, LazyModule, Refusal, Tool, about
from sandbox.faults import Fault

snowballstemmer = LazyModule("snowballstemmer")

FORMS = Tool(
    slug="word-forms",
    category="Language",
    name="Word Forms",
    description="Plurals and singulars of English nouns, and the ways programmers write names.",
    provider="lexikon",
    backed_by="inflection",
    licence="MIT",
)
NUMBER_WORDS = Tool(
    slug="number-words",
    category="Language",
    name="Number Words",
    description="Makes numbers readable: large numbers, ordinals, file sizes, durations, Roman numerals.",
    provider="lexikon",
    backed_by="humanize",
    licence="MIT",
)
NAMES = Tool(
    slug="name-matcher",
    category="Language",
    name="Name Matcher",
    description="Compares names that sound or look alike, for finding duplicates.",
    provider="soundslike",
    backed_by="jellyfish",
    licence="MIT",
)
STEMS = Tool(
    slug="stemmer",
    category="Language",
    name="Stemmer",
    description="Reduces the words of many languages to their stems.",
    provider="soundslike",
    backed_by="snowballstemmer",
    licence="BSD-3-Clause",
)
LEXICON = Tool(
    slug="old-lexicon",
    category="Language",
    name="Old Lexicon",
    description="word service",
    provider="wordhouse",
    backed_by="str",
)
Word = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z' -]{0,39}$")]
English = Annotated[Word, about("English noun in the singular", "quiz")]
Name = Annotated[str, Field(min_length=1, max_length=60)]


@FORMS.get("/plural/{word}")
def plural_of_a_noun(
    word: English, count: Annotated[int, about("How many things there are", ge=0, le=10**9)] = 2
) -> Answer:
    """Forms the plural of an English noun, and writes it with the number it counts."""
    plural = inflection.pluralize(word)
    return {"word": word, "plural": plural, "counted": f"{count} {word if count == 1 else plural}"}


@FORMS.get("/singular/{word}")
def singular_of_a_noun(word: Annotated[Word, about("English noun in the plural", "wolves")]) -> Answer:
    """Finds the singular of an English plural noun; refuses words that are singular already."""
    singular = inflection.singularize(word)
    if singular == word:
        raise Refusal(f"'{word}' does not look like a plural", status=422, code="not_a_plural")
    return {"word": word, "singular": singular, "letters_removed": len(word) - len(singular)}


@FORMS.get("/cases", fault=Fault.NOT_SUBSCRIBED)
def identifier_cases(
    phrase: Annotated[Word, about("Phrase or identifier", "monthly sales Report")],
) -> Answer:
    """Writes a phrase in the styles of programmers: snake case, camel case, dashes, title."""
    snake = inflection.underscore(inflection.parameterize(phrase))
    return {
        "snake": snake,
        "camel": inflection.camelize(snake, uppercase_first_letter=False),
        "pascal": inflection.camelize(snake),
        "dashed": inflection.dasherize(snake),
        "title": inflection.titleize(phrase),
        "table": inflection.tableize(snake),
    }


@FORMS.get("/transliterate", fault=Fault.SERVER_ERROR)
def transliterate(text: Annotated[str, about("Text with accents", "Ærøskøbing", max_length=200)]) -> Answer:
    """to ascii"""
    return {"text": inflection.transliterate(text)}


@NUMBER_WORDS.get("/words/{number}")
def large_number_in_words(
    number: Annotated[int, about("Whole number", 48_217_905, ge=-(10**30), le=10**30)],
    digits: Annotated[int, about("Digits after the point", ge=0, le=6)] = 2,
) -> Answer:
    """Expresses a large number with a word for its size (48.22 million) and with thousands separated."""
    words = humanize.intword(number, f"%.{digits}f")
    return {"number": number, "words": words, "separated": humanize.intcomma(number)}


@NUMBER_WORDS.get("/ordinal/{number}")
def ordinal_number(number: Annotated[int, about("Whole number", 1342, ge=0, le=10**12)]) -> Answer:
    """Gives the ordinal of a number (1342nd) and, for small numbers, its name by newspaper style."""
    return {
        "number": number,
        "ordinal": humanize.ordinal(number),
        "newspaper_style": humanize.apnumber(number),
    }


@NUMBER_WORDS.get("/size")
def size_of_a_file(
    size: Annotated[int, about("Number of bytes", 3_141_592_653, ge=0, le=10**24)],
    binary: Annotated[bool, about("Count in KiB of 1024 bytes rather than kB of 1000")] = False,
) -> Answer:
    """Writes a number of bytes as a readable file size, with the short form of the ls command."""
    readable = humanize.naturalsize(size, binary=binary, format="%.2f")
    return {"bytes": size, "readable": readable, "short": humanize.naturalsize(size, gnu=True)}


@NUMBER_WORDS.get("/duration", fault=Fault.SERVER_ERROR)
def duration_in_words(
    seconds: Annotated[int, about("Length in seconds", 1_234_567, ge=0, le=10**10)],
    smallest: Annotated[
        Literal["seconds", "minutes", "hours", "days"], about("Smallest unit to name")
    ] = "seconds",
) -> Answer:
    """Expresses a duration in English words, exactly and roughly."""
    span = timedelta(seconds=seconds)
    exact = humanize.precisedelta(span, minimum_unit=smallest, format="%d")
    return {"seconds": seconds, "exact": exact, "rough": humanize.naturaldelta(span)}


@NUMBER_WORDS.get("/roman/{number}", backed_by="str")
def roman_numeral(number: Annotated[int, about("Number from 1 to 3999", 1994, ge=1, le=3999)]) -> Answer:
    """Converts a number into Roman numerals."""
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    signs = ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"]
    roman, rest = "", number
    for value, sign in zip(values, signs, strict=True):
        times, rest = divmod(rest, value)
        roman += times * sign
    return {"number": number, "roman": roman, "n_letters": len(roman)}


@NUMBER_WORDS.get("/metric", fault=Fault.WRONG_CONTENT_TYPE)
def metric_prefix(
    value: Annotated[float, about("Value in the bare unit", 0.000_047, ge=-1e30, le=1e30)],
    unit: Annotated[str, about("Symbol of the unit", max_length=5)] = "F",
) -> Answer:
    """value with SI prefix"""
    return {"text": humanize.metric(value, unit)}


@NAMES.get("/similarity")
def name_similarity(
    first: Annotated[Name, about("A name", "Catherine Meyer")],
    second: Annotated[Name, about("Another name", "Katharina Maier")],
) -> Answer:
    """Scores how alike two names are: Jaro-Winkler and Jaro similarity, edit distances."""
    return {
        "jaro_winkler": rounded(jellyfish.jaro_winkler_similarity(first, second), 4),
        "jaro": rounded(jellyfish.jaro_similarity(first, second), 4),
        "levenshtein": jellyfish.levenshtein_distance(first, second),
        "damerau_levenshtein": jellyfish.damerau_levenshtein_distance(first, second),
        "hamming": jellyfish.hamming_distance(first, second),
    }


@NAMES.get("/codes/{name}")
def phonetic_codes(name: Annotated[Word, about("Name in Latin letters", "Tchaikovsky")]) -> Answer:
    """Returns the phonetic codes of a name: Soundex, Metaphone, NYSIIS and match rating codex."""
    return {
        "name": name,
        "soundex": jellyfish.soundex(name),
        "metaphone": jellyfish.metaphone(name),
        "nysiis": jellyfish.nysiis(name),
        "match_rating": jellyfish.match_rating_codex(name.replace("'", "").replace("-", "").replace(" ", "")),
    }


@NAMES.post("/best-match")
def best_match(
    name: Annotated[Name, about("Name to look for", "Jon Smyth")],
    candidates: Annotated[
        list[Name],
        about(
            "Names to compare with",
            ["John Smith", "Joan Smythe", "Jan Schmidt"],
            min_length=1,
            max_length=200,
        ),
    ],
) -> Answer:
    """Ranks candidate names by their likeness to a name, best first, with scores."""
    scored = sorted((-jellyfish.jaro_winkler_similarity(name, c), c) for c in candidates)
    return {"name": name, "matches": [{"name": c, "score": rounded(-score, 4)} for score, c in scored]}


@NAMES.get("/sounds-alike", fault=Fault.FLAKY)
def sounds_alike(
    first: Annotated[Word, about("A name", "Robert")],
    second: Annotated[Word, about("Another name", "Rupert")],
) -> Answer:
    """Tells whether two names sound alike by Soundex and by Metaphone, and shows both codes."""
    codes = {"soundex": jellyfish.soundex, "metaphone": jellyfish.metaphone}
    compared = {key: [code(first), code(second)] for key, code in codes.items()}
    return {key: {"codes": pair, "alike": pair[0] == pair[1]} for key, pair in compared.items()}


@NAMES.get("/initials", fault=Fault.NOT_SUBSCRIBED, backed_by="str")
def initials(name: Annotated[Name, about("Full name", "Johann Sebastian Bach")]) -> Answer:
    """initials of a name"""
    return {"initials": "".join(part[0].upper() for part in name.split())}


StemLanguage = Literal[
    "danish", "dutch", "english", "finnish", "french", "german", "italian", "spanish", "swedish"
]


@STEMS.get("/stem")
def stem_words(
    words: Annotated[
        list[Name],
        about("Words to stem", ["connections", "connected", "connective"], min_length=1, max_length=100),
    ],
    language: Annotated[StemLanguage, about("Language of the words")] = "english",
) -> Answer:
    """Reduces words to their stems and groups those that share one."""
    stems = snowballstemmer.stemmer(language).stemWords([word.lower() for word in words])
    groups: dict[str, list[str]] = {}
    for stem, word in zip(stems, words, strict=True):
        groups.setdefault(stem, []).append(word)
    return {"language": language, "stems": stems, "groups": groups}


@STEMS.get("/compare")
def same_stem(
    first: Annotated[Name, about("A word", "Häuser")],
    second: Annotated[Name, about("Another word", "Hauses")],
    language: Annotated[StemLanguage, about("Language of the words")] = "german",
) -> Answer:
    """Tells whether two words have the same stem and how many letters stemming takes off."""
    one, other = snowballstemmer.stemmer(language).stemWords([first.lower(), second.lower()])
    return {
        "stems": [one, other],
        "same": one == other,
        "letters_removed": len(first + second) - len(one + other),
    }


@STEMS.get("/languages", fault=Fault.EMPTY_BODY)
def stemmer_languages() -> Answer:
    """Languages."""
    return {"languages": sorted(snowballstemmer.algorithms())}


@LEXICON.get("/score/{word}", fault=Fault.NOT_FOUND)
def scrabble_score(word: Annotated[Word, about("Word", "quixotic")]) -> Answer:
    """Score of a word in a crossword game"""
    groups = {1: "aeilnorstu", 2: "dg", 3: "bcmp", 4: "fhvwy", 5: "k", 8: "jx", 10: "qz"}
    points = {letter: value for value, letters in groups.items() for letter in letters}
    return {"word": word, "score": sum(points.get(letter, 0) for letter in word.lower())}


@LEXICON.get("/letters/{word}", fault=Fault.NOT_FOUND)
def letter_counts(word: Annotated[Word, about("Word", "mississippi")]) -> Answer:
    """Letters of a word"""
    return {"letters": {letter: word.count(letter) for letter in sorted(set(word))}}


@LEXICON.get("/palindrome", fault=Fault.DROPPED_CONNECTION)
def is_palindrome(text: Annotated[Name, about("Text", "Never odd or even")]) -> Answer:
    """checks palindromes"""
    letters = [letter for letter in text.lower() if letter.isalnum()]
    return {"palindrome": letters == letters[::-1], "letters": len(letters)}
