"""What goes wrong at a real endpoint and with a real model, at seeded rates.

There is no random generator: every choice is a hash of what it depends on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")
_RANGE = float(1 << 64)


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    text = "\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / _RANGE


def chance(probability: float, *parts: object) -> bool:
    return probability > 0 and unit(*parts) < probability


def pick(options: Sequence[T], *parts: object) -> T:
    return options[int(unit(*parts) * len(options))]


def between(low: int, high: int, *parts: object) -> int:
    """An integer from low to high, both included."""
    return low + int(unit(*parts) * (high - low + 1))


def shuffled(options: Iterable[T], *parts: object) -> list[T]:
    marked = [(unit(number, *parts), number, option) for number, option in enumerate(options)]
    return [option for _, _, option in sorted(marked, key=lambda mark: mark[:2])]


EndpointFault = Literal["rate_limited", "server_error", "dropped"]


@dataclass(frozen=True, kw_only=True)
class TeacherFaults:
    """Rates between 0 and 1, and the seed that places them.

    Endpoint faults are per distinct request and yield by its third try.  The others are what models do:
    per step of a search (the first four), per search (`hopeless`), per answer (`empty_answer`), per JSON
    reply (`fenced_json`, `invalid_json`), per judgement (`wavering_verdict`), and per instruction (the rest).
    """

    seed: int = 0

    rate_limited: float = 0.004
    server_error: float = 0.004
    dropped: float = 0.003
    retry_after_s: float = 0.05

    hallucinated_function: float = 0.02
    malformed_arguments: float = 0.02
    thought_only: float = 0.03
    early_give_up: float = 0.10
    hopeless: float = 0.08
    empty_answer: float = 0.01

    fenced_json: float = 0.02
    invalid_json: float = 0.01
    wavering_verdict: float = 0.03

    hallucinated_api: float = 0.04
    short_instruction: float = 0.03
    near_duplicate: float = 0.04
    names_tool: float = 0.03

    @classmethod
    def none(cls) -> TeacherFaults:
        """A teacher and an endpoint that never fail."""
        rates = cls.__dataclass_fields__.keys() - {"seed", "retry_after_s"}
        return cls(**dict.fromkeys(rates, 0.0))  # type: ignore[arg-type]  # rates are floats

    def endpoint_fault(self, digest: str, earlier: int) -> EndpointFault | None:
        """What happens to the request with that digest that came `earlier` times before."""
        if earlier >= 1 + int(chance(0.3, self.seed, digest, "twice")):
            return None
        drawn = unit(self.seed, digest, "endpoint")
        kinds: tuple[tuple[EndpointFault, float], ...] = (
            ("rate_limited", self.rate_limited),
            ("server_error", self.server_error),
            ("dropped", self.dropped),
        )
        for kind, rate in kinds:
            if drawn < rate:
                return kind
            drawn -= rate
        return None
