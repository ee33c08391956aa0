"""Writes a Llama of random weights, its tokenizer trained on our docs; needs the extra `train`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as Decoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def write(folder: Path, template: str | None = None) -> None:
    torch.manual_seed(0)
    texts = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
    learned = Tokenizer(BPE())
    learned.pre_tokenizer, learned.decoder = ByteLevel(add_prefix_space=False), Decoder()
    trainer = BpeTrainer(
        vocab_size=4000, special_tokens=MARKS, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    learned.train([str(path) for path in texts], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=learned,
        eos_token=MARKS[2],
        pad_token=MARKS[0],
        extra_special_tokens=MARKS,
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(str(folder))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
