"""What tests of `hf_tutorial` hand in, beside props/common.py: library calls only, and no expected value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    import transformers


def classifier(directory: str) -> transformers.TextClassificationPipeline:
    """The pipeline for the text-classification checkpoint in this folder."""
    from transformers import pipeline

    return pipeline("text-classification", model=directory)


def decoded(tokenizer: transformers.GPT2Tokenizer, ids: list[list[int]], options: dict[str, Any]) -> list[str]:
    """What `batch_decode` makes of these ids with these options."""
    return tokenizer.batch_decode(ids, **options)


def continued(model: transformers.GPT2LMHeadModel, ids: torch.Tensor, options: dict[str, Any]) -> list[torch.Tensor]:
    """What `generate` makes of a prompt, ids of shape (1, T), with these options: one row, the prompt included."""
    import torch

    return [*model.generate(ids, **{"attention_mask": torch.ones_like(ids), "pad_token_id": 0, **options})]


def saved_model(directory: str) -> transformers.GPT2LMHeadModel:
    """The GPT-2 that was saved in this folder."""
    from transformers import GPT2LMHeadModel

    return GPT2LMHeadModel.from_pretrained(directory)


def temporary_folder() -> str:
    """The path of a new and empty folder, to be handed on."""
    import tempfile

    return tempfile.mkdtemp(prefix="check-")


def folder(name: str) -> list[str]:
    """The names of what is in this folder."""
    from pathlib import Path

    return sorted(path.name for path in Path(name).iterdir())
