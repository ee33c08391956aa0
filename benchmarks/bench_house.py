"""How large the house is, and how many files one model request of a search crosses.

    python benchmarks/bench_house.py

Lines and modules are those of the product's Python files.  A private function that is used once is one whose
name begins with an underscore and stands once in its module besides its definition.  The walk is traced: of a
real search in a shard of `annotate`, over HTTP, all that runs between the search's question and its reply.
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
import threading
from pathlib import Path
from types import CodeType, FrameType

import step_world as world
from local_servers import started
from step_layers import ApisAtHand, searched

from tasks.frame.services import close_services, services_of
from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.endpoint import StoredModel

ROOT = Path(__file__).parents[1]
FOLDERS = ("toolloom", "flows", "tasks", "warehouse", "sandbox", "prompts", "seeds")
GOALS = {
    "lines": 38_000,
    "modules": 300,
    "private functions used once, per 1,000 lines": 10.4,
    "files that a model request crosses": 14,
}


def sources() -> dict[Path, str]:
    return {path: path.read_text("utf-8") for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}


def used_once(text: str) -> int:
    """Private functions of a module that it names once besides their definition."""
    defined = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and re.match(r"_[a-z]", node.name)
    ]
    return sum(len(re.findall(rf"\b{name}\b", text)) == 2 for name in defined)


class WalkedModel:
    """Notes which functions of ours run while the model is asked, in any thread, but for the first time."""

    def __init__(self, model: StoredModel) -> None:
        self.name = model.name
        self.codes: set[CodeType] = set()
        self._model = model
        self._walking = False
        threading.setprofile(self._called)

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        sys.setprofile(self._called)
        self._walking = ordinal > 0
        reply = await self._model.ask(request, row_id=row_id, ordinal=ordinal)
        self._walking = False
        return reply

    def _called(self, frame: FrameType, event: str, _argument: object) -> None:
        if self._walking and event == "call" and frame.f_code.co_filename.startswith(f"{ROOT}/tasks"):
            self.codes.add(frame.f_code)


def walk() -> set[CodeType]:
    """The functions of a search's second question."""
    steps = 2
    with (
        started(str(ROOT / "benchmarks/step_world.py"), "model", str(steps)) as model_url,
        tempfile.TemporaryDirectory() as data,
    ):
        run = world.run_of(Path(data), f"{model_url}/v1", "http://no.calls.test", 1)
        services = services_of(run)
        model = WalkedModel(services.model.of("annotate"))
        services.runtime.run(searched(0, model, ApisAtHand()))
        close_services()
    return model.codes


if __name__ == "__main__":
    texts = sources()
    lines = sum(text.count("\n") for text in texts.values())
    figures = {
        "lines": lines,
        "modules": len(texts),
        "private functions used once, per 1,000 lines": sum(map(used_once, texts.values())) * 1000 / lines,
    }
    codes = walk()
    figures["files that a model request crosses"] = len({code.co_filename for code in codes})
    for name, figure in figures.items():
        print(f"{'PASS' if figure <= GOALS[name] else 'FAIL'}  {name}: {figure:,.5g} (goal {GOALS[name]:,})")
    print("the request's way:")
    for path in sorted({code.co_filename for code in codes}):
        names = sorted(code.co_qualname for code in codes if code.co_filename == path)
        print(f"  {path.removeprefix(f'{ROOT}/')}: {', '.join(names)}")
