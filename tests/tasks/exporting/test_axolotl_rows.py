"""TRL's rows in axolotl, by the configuration that the page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from foreign_servers import printed_with_trainers
from searched_world import RAIN, answers, calls, says, search, write_world

from tasks.exporting.export import export_run
from tasks.exporting.params import ExportParams

PAGE = Path(__file__).parents[3] / "docs" / "exports.md"
TINY = Path(__file__).parents[2] / "support" / "tiny_chat.py"
# What axolotl's own strategy learns of each row.
LEARN = """
import json, os, runpy, sys
from pathlib import Path
import yaml
from datasets import load_dataset
from transformers import AutoTokenizer
from axolotl.prompt_strategies import load
from axolotl.utils.dict import DictDefault
from tasks.serving.template import chatml_tools

os.chdir(sys.argv[1])
config = DictDefault(yaml.safe_load(Path("axolotl.yaml").read_text()))
runpy.run_path(sys.argv[2])["write"](Path("base"), chatml_tools())
tokenizer = AutoTokenizer.from_pretrained("base")
(source,) = config.datasets
strategy = load(source.type, tokenizer, config, source)
learned = []
for row in load_dataset(source.ds_type, data_files=source.path, split="train", cache_dir="cache"):
    tokens = strategy.tokenize_prompt(row)
    said = [[]]
    for token, label in zip(tokens["input_ids"], tokens["labels"]):
        said[-1].append(token) if label != -100 else said[-1] and said.append([])
    learned.append([tokenizer.decode(turn) for turn in said if turn])
print(json.dumps(learned))
"""


@pytest.mark.slow
def test_the_models_turns_and_no_other_are_learned(tmp_path: Path) -> None:
    """Functions whose parameters differ in type are read as they are, too."""
    both = says("Both.", RAIN, calls("wind_for_sky"))
    write_world(tmp_path / "data", [search("beach", [both, says("All known.", answers("Dry."))])])
    params = ExportParams(held_out=0.0)
    export_run(tmp_path / "data", "trl", tmp_path / "exports" / "trl", run=None, params=params)
    (page,) = re.findall(r"```yaml\n# axolotl.yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "axolotl.yaml").write_text(page)

    printed = printed_with_trainers(LEARN, str(tmp_path), str(TINY), home=tmp_path)

    rain, wind, finish = (
        f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"
        for name, arguments in (
            ("rain_for_sky", {"city": "Brest"}),
            ("wind_for_sky", {}),
            ("Finish", {"return_type": "give_answer", "final_answer": "Dry."}),
        )
    )
    assert json.loads(printed.splitlines()[-1]) == [
        [f"Both.\n{rain}\n{wind}<|im_end|>", f"All known.\n{finish}<|im_end|>"]
    ]
