"""What the teacher was asked, counted."""

from __future__ import annotations

from collections import Counter

from sandbox.teaching.reply import Json


class Stats:
    """Counts of chat requests; distinct and repeated by the digest of the raw body."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._seen: Counter[str] = Counter()
        self._by_stage: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._tokens_in = 0
        self._tokens_out = 0

    def arrived(self, digest: str) -> int:
        """Counts a request; how many identical ones came before."""
        earlier = self._seen[digest]
        self._seen[digest] = earlier + 1
        return earlier

    def answered(self, stage: str, tokens_in: int, tokens_out: int) -> None:
        self._by_stage[stage] += 1
        self._tokens_in += tokens_in
        self._tokens_out += tokens_out

    def failed(self, *faults: str) -> None:
        self._faults.update(faults)

    def as_json(self) -> Json:
        requests = self._seen.total()
        return {
            "requests": requests,
            "distinct": len(self._seen),
            "repeated": requests - len(self._seen),
            "by_stage": dict(sorted(self._by_stage.items())),
            "tokens_in": self._tokens_in,
            "tokens_out": self._tokens_out,
            "faults": dict(sorted(self._faults.items())),
        }
