"""How long near-duplicate screening takes, and whether its cost is linear: `bench_duplicates.py [--full]`

Made-up instructions of some sixty words that share openings and phrases as those of one model do; every
twentieth is an earlier one with a few words changed.  Goals: 200,000 within five minutes and 4 GB (`--full`;
a tenth of both without it), no copy missed that has the similarity, and at most 2.5 times the time for
twice as many.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Mapping, Sequence

import numpy as np

from tasks.instructions.fitting import ALIKE
from tasks.instructions.similarity import earlier_alike, words_of

FULL, SMALL = 200_000, 20_000
SECONDS, GIGABYTES = 300.0, 4.0
MOST_GROWTH = 2.5
EVERY = 20

OPENINGS = (
    "I'm planning a surprise birthday party for my",
    "Our company is preparing a report about",
    "My friends and I are organising a trip to",
    "I am writing an article about",
    "As a teacher I need material about",
    "My family wants to move to",
    "For a school project I have to find out about",
    "I run a small shop that sells",
)
REQUESTS = (
    "can you provide me with the latest",
    "please find the",
    "I would also like to know the",
    "could you tell me about the",
    "in addition, give me the details of the",
    "finally, show me a list of the",
)


def written(n: int, seed: int = 7) -> tuple[list[str], dict[int, int]]:
    """The instructions, and which of them are copies of which earlier ones with a few words changed."""
    random = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, 20_001)
    vocabulary = [f"word{number}" for number in range(20_000)]
    drawn = iter(random.choice(20_000, size=(n * 50), p=frequency / frequency.sum()).tolist())
    texts: list[str] = []
    copied_from: dict[int, int] = {}
    for number in range(n):
        if number % EVERY == EVERY - 1:
            copied_from[number] = int(random.integers(number))
            texts.append(_copied(texts[copied_from[number]], random))
            continue
        parts = [OPENINGS[random.integers(len(OPENINGS))]]
        for _ in range(int(random.integers(2, 5))):
            parts += [vocabulary[next(drawn)] for _ in range(random.integers(5, 12))]
            parts.append(f". {REQUESTS[random.integers(len(REQUESTS))]}")
        texts.append(" ".join(parts))
    return texts, copied_from


def _copied(text: str, random: np.random.Generator) -> str:
    words = text.split()
    for place in random.integers(len(words), size=random.integers(0, 4)):
        words[place] = "changed"
    return " ".join(words)


def shingles_of(text: str) -> set[tuple[str, ...]]:
    words = words_of(text)
    return {tuple(words[start : start + 3]) for start in range(max(1, len(words) - 2))}


def wrong(texts: Sequence[str], found: Sequence[int | None]) -> int:
    """Pairs that were called alike and are not, by the definition itself."""
    pairs = [(number, earlier) for number, earlier in enumerate(found) if earlier is not None]
    return sum(_similarity(texts[one], texts[other]) < ALIKE for one, other in pairs)


def missed(texts: Sequence[str], found: Sequence[int | None], copied_from: Mapping[int, int]) -> int:
    """Copies that are alike enough to what they were made from, which was kept, and were not found."""
    unfound = [
        (copy, earlier)
        for copy, earlier in copied_from.items()
        if found[copy] is None and found[earlier] is None
    ]
    return sum(_similarity(texts[copy], texts[earlier]) >= ALIKE for copy, earlier in unfound)


def _similarity(one: str, other: str) -> float:
    first, second = shingles_of(one), shingles_of(other)
    return len(first & second) / len(first | second)


def timed(texts: Sequence[str]) -> tuple[float, list[int | None]]:
    begun = time.process_time()
    found = earlier_alike(texts, ALIKE)
    return time.process_time() - begun, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} instructions instead of {SMALL:,}")
    n = FULL if parser.parse_args().full else SMALL
    texts, copied_from = written(n)
    half, _ = timed(texts[: n // 2])
    whole, found = timed(texts)
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    n_found = sum(earlier is not None for earlier in found)
    n_wrong, n_missed = wrong(texts, found), missed(texts, found, copied_from)
    growth, seconds, memory = whole / half, SECONDS * n / FULL, max(0.5, GIGABYTES * n / FULL)
    print(f"{n:,} instructions, {len(copied_from):,} of them copies with changes")
    print(f"{n_found:,} called alike, {n_wrong} of them wrongly; {n_missed} missed")
    print(
        f"CPU time {whole:.1f} s, goal {seconds:.0f} s; peak memory {gigabytes:.2f} GB, goal {memory:.1f} GB"
    )
    print(f"{growth:.1f} times the time of half as many, goal {MOST_GROWTH}")
    passed = whole <= seconds and gigabytes <= memory and growth <= MOST_GROWTH and not n_wrong + n_missed
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
