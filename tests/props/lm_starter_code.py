"""What tests of `lm_starter_code` hand in, beside props/common.py: library calls only, and no expected value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import transformers


def pretrained(directory: str) -> transformers.GPT2LMHeadModel:
    """The GPT-2 whose files are in this folder, in eval mode."""
    from transformers import GPT2LMHeadModel

    return GPT2LMHeadModel.from_pretrained(directory)
