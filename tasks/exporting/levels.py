"""The paper's levels of generalisation (section 3.1): what of a test was not seen in training."""

from __future__ import annotations

from hashlib import blake2b

TRAIN = "train"
UNSEEN_INSTRUCTION = "test_instruction"
UNSEEN_TOOL = "test_tool"
UNSEEN_CATEGORY = "test_category"
LEVELS = (TRAIN, UNSEEN_INSTRUCTION, UNSEEN_TOOL, UNSEEN_CATEGORY)

_WHOLE = 1 << 64


def level_of(instruction_id: str, split: str, held_out: float) -> str:
    """The level of an instruction whose tools are of a split (train, test_tool or test_category).

    held_out: the share of the training split's instructions that become test_instruction.  Decided by
    hash of the id, so that an instruction stays where it is whatever else comes or goes.
    """
    if split != TRAIN:
        return split
    digest = blake2b(instruction_id.encode(), digest_size=8, person=b"held out").digest()
    return UNSEEN_INSTRUCTION if int.from_bytes(digest, "big") < held_out * _WHOLE else TRAIN
