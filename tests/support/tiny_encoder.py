"""Writes a sentence-transformers model of random weights that is quickly trained; needs the extra."""

from __future__ import annotations

import string
import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast


def write(folder: Path) -> None:
    torch.manual_seed(0)
    letters = string.ascii_lowercase + string.digits
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{each}" for each in letters)]
    bert = folder.with_name(folder.name + "-bert")
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(bert / "vocab.txt"), model_max_length=64).save_pretrained(str(bert))
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)).save_pretrained(
        str(bert)
    )
    model = SentenceTransformer(modules=[Transformer(str(bert)), Pooling(32)])
    model.save(str(folder), create_model_card=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
