"""The published search once more, as its description reads: recursion over single tree nodes.

Slow and plain on purpose; what the real one is compared with.  A reply is one word: `fail`, or any of
`thought`, `call`, `answer`, `give_up`, `bad` joined by `+` (a thought comes first).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

STOPPED = 1_000_000


@dataclass(eq=False)
class Point:
    """A node of ToolBench's tree.  query: number of the reply it is of."""

    kind: str
    depth: int
    query: int | None = None
    parent: Point | None = None
    children: list[Point] = field(default_factory=list)
    entry: int | None = None
    pruned: bool = False
    terminal: bool = False
    gave_up: bool = False

    def child(self, kind: str, query: int) -> Point:
        point = Point(kind, self.depth + 1, query, self)
        self.children.append(point)
        return point

    def preorder(self) -> Iterator[Point]:
        yield self
        for child in self.children:
            yield from child.preorder()

    def history(self) -> list[int]:
        """Numbers of the replies on the way here."""
        before = [] if self.parent is None else self.parent.history()
        return before if self.query is None or self.query in before else [*before, self.query]


@dataclass
class Published:
    """One search; replies are taken in the order they are asked for."""

    replies: Sequence[str]
    votes: Sequence[str] = ()
    width: int = 2
    max_depth: int = 12
    max_queries: int = 200
    root: Point = field(default_factory=lambda: Point("root", 0))
    asked: list[tuple[list[int], int] | str] = field(default_factory=list)
    won: bool = False
    entered: int = 0

    def dfsdt(self) -> None:
        self._visit(self.root, ranked=False)

    def dfs_ranked(self) -> None:
        self._visit(self.root, ranked=True)

    def chains(self, tries: int) -> None:
        for _ in range(tries):
            at = self.root
            while not (at.pruned or at.terminal) and (at is self.root or at.depth < self.max_depth):
                at = self._reply(at, shown=0)
            at.pruned = not at.terminal
            self.won = at.terminal
            if self.won:
                return

    def _visit(self, point: Point, *, ranked: bool) -> int:
        point.entry = self.entered
        self.entered += 1
        if point.terminal:
            self.won = True
            return STOPPED
        if point.gave_up:
            return 1
        if point.pruned or point.depth >= self.max_depth:
            point.pruned = True
            return 0
        return (self._ranked if ranked else self._one_by_one)(point)

    def _one_by_one(self, point: Point) -> int:
        for _ in range(self.width):
            child = self._grown(point)
            if child is None:
                return STOPPED
            back = self._visit(child, ranked=False)
            if back > 0:
                return back if back == STOPPED else back - 1
        return 0

    def _ranked(self, point: Point) -> int:
        children: list[Point] = []
        for _ in range(self.width):
            child = self._grown(point)
            if child is None:
                return STOPPED
            children.append(child)
        for child in self._best_first(children):
            back = self._visit(child, ranked=True)
            if back > 0:
                return back if back == STOPPED else back - 1
        return 0

    def _best_first(self, children: list[Point]) -> list[Point]:
        scores = [0] * len(children)
        for one in range(len(children)):
            for other in range(one + 1, len(children)):
                for first, second in ((one, other), (other, one)):
                    vote = self.votes[len(self.asked)]
                    scores[first if vote == "A" else second] += 1
                    self.asked.append("rank")
        return [children[at] for at in sorted(range(len(children)), key=lambda at: (-scores[at], at))]

    def _grown(self, point: Point) -> Point | None:
        if len(self.asked) + 1 >= self.max_queries:
            self.asked.append((point.history(), self._shown(point)))
            return None
        return self._reply(point, self._shown(point))

    def _shown(self, point: Point) -> int:
        return sum(_first_input(child) is not None for child in point.children)

    def _reply(self, point: Point, shown: int) -> Point:
        number = len(self.asked)
        self.asked.append((point.history(), shown))
        at = point
        for part in self.replies[number].split("+"):
            if part in {"fail", "thought"}:
                at = at.child("thought", number)
                at.pruned = part == "fail"
                continue
            at = at.child("action", number).child("action_input", number)
            at.terminal = part == "answer"
            at.gave_up = at.pruned = part == "give_up"
        return at


def _first_input(point: Point) -> Point | None:
    at = point
    while at.kind != "action_input":
        if not at.children:
            return None
        at = at.children[0]
    return at
