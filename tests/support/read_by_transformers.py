"""What transformers makes of a model folder, as JSON; needs the environment with models.

What its tokenizer shows of the conversations and makes of the texts, and which weights differ after a way to
llama.cpp's file and back.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch
from chat_template import CONVERSATIONS, TEXTS
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from tasks.serving.gguf_file import write_gguf


def read(folder: Path) -> dict[str, object]:
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    shown = {
        name: tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=True)
        for name, (messages, tools) in CONVERSATIONS.items()
    }
    tokens = {text: tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS}
    return {"shown": shown, "tokens": tokens, "differ": _differ(folder)}


def _differ(folder: Path) -> list[str]:
    model = AutoModelForCausalLM.from_pretrained(str(folder)).state_dict()
    with tempfile.TemporaryDirectory() as name:
        write_gguf(folder, Path(name) / "x.gguf", template=None, precision="f32")
        again = AutoModelForCausalLM.from_pretrained(
            name, gguf_file="x.gguf", quantization_config=GgufConfig(dequantize=True)
        ).state_dict()
    return sorted(
        {name for name in model if not torch.equal(model[name], again.pop(name, torch.zeros(1)))}
        | again.keys()
    )


if __name__ == "__main__":
    json.dump(read(Path(sys.argv[1])), sys.stdout)
