"""What an answer states, value by value, held against the request and what the calls returned."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from sandbox.teacher.documents import PREPOSITIONS, name_stems, spoken, stems, word_set
from sandbox.teacher.observations import as_text, read
from sandbox.teacher.prompts import FINISH, Solution, Step, parsed
from sandbox.teacher.returned import (
    AROUND,
    first_form,
    in_a_row,
    in_figures,
    returned,
    stated,
    strings,
    tokens_of,
    words_of,
)

_GAP = re.compile(
    r"""\b(?:could\ not|couldn['\u2019]t|can\ ?not|can['\u2019]t|(?:was|were)\ not\ able|unable\ to
    |not\ possible|(?:is|are|was|were)\ (?:not\ |un)available|failed\ to|did\ not\ (?:find|get|return|work)
    |sorry|unfortunately|no\ (?:data|information|results?|answers?)\ (?:is|are|was|were|could))\b""",
    re.IGNORECASE | re.VERBOSE,
)
ASKS = re.compile(
    r"\?\s*$|^(?:please|kindly|give|tell|show|find|list|check|calculate|compute|convert|search|book|send)\b"
    r"|\b(?:please|i (?:need|want|would like) you to|(?:give|tell|show|find) me|let me know"
    r"|(?:could|would|can) you|you could|need you to|want you to|requested to)\b"
    r"|^(?:then|next|besides|also|first|after that|in a \w+ step|on top of|to begin with|while you)\b|: \w+",
    re.IGNORECASE,
)
ABOUT_THE_ANSWER = re.compile(
    r"\b(?:answer|result|state|say|copy|read it|rely|round|paragraph|figures?\b|estimates|all of it)",
    re.IGNORECASE,
)
_ENDS = re.compile(r'(?<=[.!?])\s+(?=[^"]*(?:"[^"]*"[^"]*)*$)')
_LINKS = word_set(
    "is are was were has have had there entries the a an at about equals it its namely of to as by with"
)
_HEARD = 0.4  # of the words of a sentence
_MOST_OF_A_TEXT = 8  # words of a text that are enough to know it by
_ALL = re.compile(r"\b(?:all|every|each|lists?|tables?|tabulate|calendar|schedule)\b", re.IGNORECASE)
_TOTAL = re.compile(r"\b(?:count|total|number of)\b")


class Evidence:
    """told: functions whose results the answer tells; spoilt: those of which it tells something else.

    backed: values of the answer that calls returned and the request does not give; wrong: values that nothing
    holds, or something else under their name; gap: it says that something was not to be had; untold:
    functions that were asked for and that it says nothing of; partly: those that returned a long list that
    was asked for, of which it tells a few and not how many there are; unaddressed: what nobody took up.
    """

    def __init__(self, query: str, solution: Solution) -> None:
        self.query = re.sub(r"\(\d\)", "", query)  # how parts are counted
        self.answer = in_figures(solution.answer)
        self.calls = [call for call in solution.calls if call.function != FINISH]
        self.brought = [call for call in self.calls if read(call.observation).error is None]
        observed: dict[str, list[str]] = {}
        for call in self.brought:
            observed.setdefault(str(call.function), []).append(call.observation)
        self.functions = {name: returned(*texts) for name, texts in observed.items()}
        self.names = set().union(*(one.keys for one in self.functions.values()))
        self.asked = words_of(self.query)
        self.given = self.asked.union(*map(_values, self.calls))
        failed = [call for call in self.calls if str(call.function) not in self.functions]
        self.in_vain = set().union(*map(_values, failed)).difference(*map(_values, self.brought))
        said = [_turned(first_form(token[0])) for token in tokens_of(in_figures(self.query))]
        self.runs = set(zip(said, said[1:], said[2:], strict=False))
        self.told: set[str] = set()
        self.spoilt: set[str] = set()
        self.backed: set[str] = set()
        self.wrong: list[str] = []
        sentences = _ENDS.split(self.answer)
        self.gap = any(map(_GAP.search, sentences))
        for sentence in sentences:
            if not _GAP.search(sentence):
                self._read(sentence)
        self.sentences = [self._taken_up(one) for one in _ENDS.split(self.query)]
        self.unaddressed = self._unaddressed()
        self.spoilt |= {str(call.function) for at, call in enumerate(self.brought) if self._strays(at)}
        self.untold = [name for name in self.functions if name not in self.told and self._was_asked(name)]

        self.partly = [name for name in self.functions if name in self.told and self._tells_a_few(name)]

    @property
    def settled(self) -> set[str]:
        return self.told - self.spoilt

    def returns(self, value: str) -> bool:
        return any(one.has(value, None) for one in self.functions.values())

    def _read(self, sentence: str) -> None:
        """Looks up the values of a sentence of the answer, and whose they are.

        What it repeats of the request is no statement, and a name of a value no value.
        """
        tokens = tokens_of(sentence)
        words = [first_form(token[0]) for token in tokens]
        spans = [(at, at + 3) for at in range(len(words) - 2) if tuple(words[at : at + 3]) in self.runs]
        spans += self._named(words)
        passed = {at for start, end in spans for at in range(start, end)}
        before: set[str] = set()  # functions of which the value right before is
        spoilt: set[str] = set()
        counted: Counter[str] = Counter()
        borrowed: list[
            tuple[str, str, str]
        ] = []  # a value, whose it is, and who has another one of that name
        wrong: list[str] = []
        for at, (key, direct, quoted) in enumerate(self._named_and_quoted(sentence, tokens, words)):
            text = tokens[at][0].strip(AROUND)
            if words[at] in _LINKS or (words[at] == "and" and before):
                continue
            valued = re.search(r"\d|^[A-Z]{2,}$|.[A-Z]|\w[.@/]\w", text) or (text[:1].isupper() and at)
            rest = at in passed or text == "I" or words[at + 1 : at + 2] in (["more"], ["others"])
            word = direct and stems(text) and text not in PREPOSITIONS
            if rest or not (valued or word):
                before = set()
                continue
            own = {name for name, one in self.functions.items() if key in one.keys}
            holders = quoted or self._holders(text, key)
            given = not stated(text).isdisjoint(self.given)
            listed = before and words[at - 1] not in _LINKS
            elsewhere = key is None and listed and holders and not holders & before
            if not given and (elsewhere or not (holders or (key is None and self._counts(text)))):
                wrong.append(text)
                spoilt |= own or before or {""}
                before = own or before
            elif holders and not given:
                self.backed.add(words[at])
                if len(holders) == 1:
                    counted.update(holders)
                    borrowed += [(text, of, name) for of in holders for name in own - holders]
            else:
                counted.update(self._finders(holders, key))
            before = holders or before
        for value, of, instead in borrowed:
            if counted[instead] > counted[of]:
                wrong.append(value)
                spoilt.add(instead)
                counted[of] = 0
        self.wrong += wrong
        told = {name for name, n in counted.items() if n}
        if self.in_vain.isdisjoint(words):  # else it speaks of a call that failed, whatever else it has
            self.told |= told
            self.spoilt |= told if len(told) == 1 and spoilt else spoilt

    def _tells_a_few(self, name: str) -> bool:
        """Whether it tells less than half of a list and leaves open how long that is."""
        about = set(name_stems(name))
        asked = max(
            (one for one, _, _ in self.sentences), key=lambda one: len(about & set(stems(one))), default=""
        )
        words = words_of(self.answer)
        for key, length, entries in self.functions[name].lists:
            whole = _ALL.search(asked) or (
                key[-1:] == "s" and spoken(key).split()[-1] in asked.lower().split()
            )
            n_told = sum(not own or not own.isdisjoint(words) for own in entries)
            totals = {
                word
                for one, found in self.functions[name].keys.items()
                if _TOTAL.search(one)
                for word in found
            }
            counted = words & (totals | {str(length)}) or re.search(r"\b\d+ (?:more|others)\b", self.answer)
            if whole and not counted and 0 < n_told * 2 < length:
                return True
        return False

    def _holders(self, text: str, key: str | None) -> set[str]:
        return {name for name, one in self.functions.items() if one.has(text, key)}

    def _named_and_quoted(
        self, sentence: str, tokens: list[re.Match[str]], words: list[str]
    ) -> Iterator[tuple[str | None, bool, set[str]]]:
        """For each word: what a value there is called, whether any word there is one, and who returned the
        text of several words that it belongs to.  A name within a text names nothing."""
        quoted: set[str] = set()
        end = 0
        for at in range(len(words)):
            key, direct = self._key_before(sentence, tokens, words, at)
            if at < end:
                yield None, False, quoted
                continue
            quoted, end = self._quoted(words, at, key)
            direct = direct and key is not None and not self._names_the_next(sentence, tokens, words, at, key)
            yield key, direct, quoted

    def _quoted(self, words: list[str], at: int, key: str | None) -> tuple[set[str], int]:
        """The functions that returned the text of several words that begins there, and where it ends.

        It may be cut short after some words.  Where a value has a name, it counts under that one alone.
        """
        ends: dict[str, int] = {}
        for name, one in self.functions.items():
            for row, names in one.texts.get(tuple(words[at : at + 2]), {}).items():
                same = [a == b for a, b in zip(row, words[at:], strict=False)]
                n = next((n for n, equal in enumerate(same) if not equal), len(same))
                if (n == len(row) or n >= _MOST_OF_A_TEXT) and (key is None or key in names):
                    ends[name] = max(ends.get(name, 0), at + n)
        end = max(ends.values(), default=0)
        return {name for name, one in ends.items() if one == end}, end

    def _names_the_next(
        self, sentence: str, tokens: list[re.Match[str]], words: list[str], at: int, key: str | None
    ) -> bool:
        """Whether the word is no value of that name but itself the name of a value that follows."""
        if words[at] not in self.names or at + 1 == len(words) or self._holders(words[at], key):
            return False
        name, direct = self._key_before(sentence, tokens, words, at + 1)
        return name == words[at] and direct

    def _finders(self, holders: set[str], key: str | None) -> set[str]:
        """The one of them, if it is one, that found what has that name, though the request gives the value.

        It is picked out of what was given, or happens to equal it.  What a call was made with is no finding
        under the same name, nor under another one where there is something new besides.
        """
        if key is None or len(holders) != 1:
            return set()
        [name] = holders
        own = self.functions[name]
        new = own.words - self.given
        for call in self.brought:
            arguments = parsed(call.arguments) if call.function == name else None
            for argument, value in arguments.items() if isinstance(arguments, dict) else ():
                same = in_a_row(spoken(argument)) in {key, key.rpartition(" ")[2]}
                single = not isinstance(value, (list, dict))
                if same or (new and single and own.keys[key] <= words_of(as_text(value))):
                    return set()
        return holders

    def _named(self, words: list[str]) -> list[tuple[int, int]]:
        """Where names of values stand that have several words, or more than letters."""
        return [
            (at, end)
            for at in range(len(words))
            for end in range(at + 1, min(at + 9, len(words)) + 1)
            if " ".join(words[at:end]) in self.names
            and (end > at + 1 or not words[at].isalpha() or words[end : end + 1] in (["is"], ["are"]))
        ]

    def _key_before(
        self, sentence: str, tokens: list[re.Match[str]], words: list[str], at: int
    ) -> tuple[str | None, bool]:
        """What a value is called, which ends right before it; and whether nothing but a verb is between."""
        end, direct = at, True
        while end and words[end - 1] in _LINKS:
            end -= 1
            direct = direct and words[end] in {"is", "are", "was", "were"}
        if not end or re.search(r"[.;,!?(]", sentence[tokens[end - 1].end() - 1 : tokens[at].start()]):
            return None, False
        names = (" ".join(words[start:end]) for start in range(max(0, end - 9), end))
        return next((name for name in names if name in self.names), None), direct

    def _counts(self, text: str) -> bool:
        return any(not stated(text).isdisjoint(one.lengths) for one in self.functions.values())

    def _taken_up(self, sentence: str) -> tuple[str, list[str], list[str]]:
        """A sentence of the request, its values, and those that neither calls nor the answer have."""
        taken = words_of(self.answer).union(*map(_values, self.brought))
        values = [
            one[0]
            for one in tokens_of(sentence)
            if re.search(r"\d", one[0]) or '"' in sentence[max(one.start() - 1, 0) : one.end() + 1]
        ]
        return sentence, values, [one for one in values if words_of(one).isdisjoint(taken)]

    def _unaddressed(self) -> list[str]:
        """Most values of a sentence, or one where calls are too few; or a sentence that nobody heard."""
        asking = [one for one, values, _ in self.sentences if values and self._asks(one)]
        few = len(self.functions) < len(asking)
        found = [
            (left or [" ".join(sentence.split()[:8])])[0].strip(".,;:?!")
            for sentence, values, left in self.sentences
            if len(left) > len(values) / 2
            or (few and left)
            or (not values and self._asks(sentence) and self._heard(sentence) < _HEARD)
        ]
        if few and not found:
            least = min(asking, key=self._heard)
            found.append(" ".join(least.split()[:8]).strip(".,;:?!"))
        return found

    def _asks(self, sentence: str) -> bool:
        return bool(ASKS.search(sentence)) and not ABOUT_THE_ANSWER.search(sentence)

    def _heard(self, sentence: str) -> float:
        """The share of its words that the answer or the functions called have."""
        heard = set(stems(self.answer)).union(*map(name_stems, self.functions))
        asked = set(stems(sentence))
        return len(asked & heard) / max(len(asked), 1)

    def _strays(self, at: int) -> bool:
        """Whether the call has a value of nobody's before it, where the request has another one."""
        known = self.asked.union(*(returned(call.observation).words for call in self.brought[:at]))
        arguments = parsed(self.brought[at].arguments)
        left = any(without for _, _, without in self.sentences)
        return any(
            left or re.search(rf"\b{re.escape(spoken(name))} [\"\d-]", self.query)
            for name, value in (arguments.items() if isinstance(arguments, dict) else ())
            if any(len(word) > 1 and word not in known for word in words_of(" ".join(strings(value))))
        )

    def _was_asked(self, name: str) -> bool:
        """Whether the request gives what the function was called with, or speaks of what it does.

        Where all that it returned was returned by another one, too, it may be told by that.
        """
        own = self.functions[name].words - self.given
        others = set().union(*(one.words for other, one in self.functions.items() if other != name))
        if own <= others and words_of(self.answer) & own:
            return False
        about = set(name_stems(name.split("_for_", maxsplit=1)[0]))
        values = set().union(*(_values(call) for call in self.brought if call.function == name))
        return bool(values & self.asked) or len(about & set(stems(self.query))) * 2 >= len(about)


def _turned(word: str) -> str:
    return {"me": "you", "my": "your"}.get(word, word)


def _values(call: Step) -> frozenset[str]:
    """The words of a call's arguments."""
    return words_of(" ".join(strings(parsed(call.arguments))) or call.arguments)
