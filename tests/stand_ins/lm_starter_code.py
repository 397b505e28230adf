"""What other parts of `lm_starter_code` build on, made of the library's own functions."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def prepare(
    texts: list[str],
    tokenizer: PreTrainedTokenizerBase,
    block_size: int,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
) -> DataLoader[dict[str, torch.Tensor]]:
    """A DataLoader over the blocks of these texts, each followed by the end-of-text token."""
    ids = torch.tensor([*chain(*tokenizer([text + tokenizer.eos_token for text in texts])["input_ids"])])
    rows = [{"input_ids": block} for block in ids.unfold(0, block_size, block_size)]
    order = torch.Generator().manual_seed(seed)
    return DataLoader(rows, batch_size, shuffle=shuffle, generator=order, collate_fn=_batch)


def _batch(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    ids = torch.stack([row["input_ids"] for row in rows])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.clone()}
