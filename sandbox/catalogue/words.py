"""Words: forms and numbers (inflect), likeness (jellyfish), stems (snowballstemmer), and a dead service."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import jellyfish
import snowballstemmer
from pydantic import Field

from sandbox.catalogue.vocabulary import rounded
from sandbox.declare import Answer, Refusal, Tool, about
from sandbox.faults import Fault

if TYPE_CHECKING:
    import inflect

FORMS = Tool(
    slug="word-forms",
    category="Language",
    name="Word Forms",
    description="Plurals, singulars, participles and articles of English words.",
    provider="lexikon",
    backed_by="inflect",
    licence="MIT",
)
NUMBER_WORDS = Tool(
    slug="number-words",
    category="Language",
    name="Number Words",
    description="Writes numbers out in English: cardinals, ordinals, counted things.",
    provider="lexikon",
    backed_by="inflect",
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
English = Annotated[Word, about("English word", "phenomenon")]
Name = Annotated[str, Field(min_length=1, max_length=60)]


@cache
def _engine() -> inflect.engine:
    import inflect  # noqa: PLC0415  loaded when the first word is asked for

    return inflect.engine()


@FORMS.get("/plural/{word}")
def plural_of_a_noun(word: English, count: Annotated[int, about("How many things there are", ge=0, le=10**9)] = 2) -> Answer:
    """Forms the plural of an English noun, and writes it with the number it counts."""
    engine = _engine()
    return {"word": word, "plural": engine.plural_noun(word), "counted": f"{count} {engine.plural_noun(word, count)}"}


@FORMS.get("/singular/{word}")
def singular_of_a_noun(word: Annotated[Word, about("English noun in the plural", "wolves")]) -> Answer:
    """Finds the singular of an English plural noun; refuses words that are singular already."""
    singular = _engine().singular_noun(word)
    if not singular:
        raise Refusal(f"'{word}' does not look like a plural", status=422, code="not_a_plural")
    return {"word": word, "singular": singular, "article": _engine().a(singular)}


@FORMS.get("/participle/{verb}")
def present_participle(verb: Annotated[Word, about("English verb", "panic")]) -> Answer:
    """Forms the present participle (-ing) of an English verb and the verb's plural form."""
    engine = _engine()
    return {"verb": verb, "participle": engine.present_participle(verb), "plural_verb": engine.plural_verb(verb)}


@FORMS.get("/article/{word}")
def indefinite_article(word: Annotated[Word, about("Word or phrase", "hourglass")]) -> Answer:
    """Puts the right indefinite article, a or an, before a word."""
    phrase = _engine().a(word)
    return {"word": word, "article": phrase.split()[0], "phrase": phrase}


@FORMS.get("/join", fault=Fault.SERVER_ERROR)
def join_words(words: Annotated[list[Word], about("Words", ["apple", "pear", "fig"], min_length=1)]) -> Answer:
    """joins words with commas"""
    return {"text": _engine().join(words)}


@NUMBER_WORDS.get("/cardinal/{number}")
def number_in_words(
    number: Annotated[int, about("Whole number", 48_217_905, ge=-(10**15), le=10**15)],
    conjunction: Annotated[str, about("Word before the last part", pattern="^[a-z]{0,5}$")] = "and",
) -> Answer:
    """Writes a whole number out in English words and counts its words."""
    words = _engine().number_to_words(number, andword=conjunction)
    return {"number": number, "words": words, "n_words": len(str(words).replace("-", " ").split())}


@NUMBER_WORDS.get("/ordinal/{number}")
def ordinal_number(number: Annotated[int, about("Whole number", 1342, ge=0, le=10**12)]) -> Answer:
    """Gives the ordinal of a number in digits (1342nd) and in words."""
    engine = _engine()
    short = engine.ordinal(number)
    return {"number": number, "ordinal": short, "words": engine.number_to_words(short)}


@NUMBER_WORDS.get("/count")
def count_of_things(
    number: Annotated[int, about("How many", 3, ge=0, le=10**9)],
    thing: Annotated[Word, about("English noun in the singular", "octopus")],
    limit: Annotated[int, about("Numbers up to here are written out", ge=0, le=1000)] = 12,
) -> Answer:
    """Writes a number of things as a phrase, small numbers in words and large ones in digits."""
    engine = _engine()
    written = engine.number_to_words(number, threshold=limit)
    noun = engine.plural_noun(thing, number)
    verb = engine.plural_verb("was", number)
    return {"phrase": f"{written} {noun}", "sentence": f"There {verb} {engine.no(thing, number)}."}


@NUMBER_WORDS.get("/roman/{number}", backed_by="str")
def roman_numeral(number: Annotated[int, about("Number from 1 to 3999", 1994, ge=1, le=3999)]) -> Answer:
    """Converts a number into Roman numerals."""
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    signs = "M CM D CD C XC L XL X IX V IV I".split()
    roman, rest = "", number
    for value, sign in zip(values, signs, strict=True):
        times, rest = divmod(rest, value)
        roman += times * sign
    return {"number": number, "roman": roman, "n_letters": len(roman)}


@NUMBER_WORDS.get("/spell-digits", fault=Fault.WRONG_CONTENT_TYPE)
def spell_digits(number: Annotated[int, about("Number", 90210, ge=0, le=10**15)]) -> Answer:
    """Reads a number digit by digit."""
    return {"words": _engine().number_to_words(number, group=1)}


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
        about("Names to compare with", ["John Smith", "Joan Smythe", "Jan Schmidt"], min_length=1, max_length=200),
    ],
) -> Answer:
    """Ranks candidate names by their likeness to a name, best first, with scores."""
    scored = sorted((-jellyfish.jaro_winkler_similarity(name, c), c) for c in candidates)
    return {"name": name, "matches": [{"name": c, "score": rounded(-score, 4)} for score, c in scored]}


@NAMES.get("/sounds-alike", fault=Fault.FLAKY)
def sounds_alike(
    first: Annotated[Word, about("A name", "Robert")], second: Annotated[Word, about("Another name", "Rupert")]
) -> Answer:
    """Tells whether two names sound alike by Soundex and by Metaphone, and shows both codes."""
    codes = {"soundex": jellyfish.soundex, "metaphone": jellyfish.metaphone}
    compared = {key: [code(first), code(second)] for key, code in codes.items()}
    return {key: {"codes": pair, "alike": pair[0] == pair[1]} for key, pair in compared.items()}


@NAMES.get("/initials", fault=Fault.NOT_SUBSCRIBED, backed_by="str")
def initials(name: Annotated[Name, about("Full name", "Johann Sebastian Bach")]) -> Answer:
    """initials of a name"""
    return {"initials": "".join(part[0].upper() for part in name.split())}


StemLanguage = Literal["danish", "dutch", "english", "finnish", "french", "german", "italian", "spanish", "swedish"]


@STEMS.get("/stem")
def stem_words(
    words: Annotated[
        list[Name], about("Words to stem", ["connections", "connected", "connective"], min_length=1, max_length=100)
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
    return {"stems": [one, other], "same": one == other, "letters_removed": len(first + second) - len(one + other)}


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
