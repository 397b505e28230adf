"""What `finetuning` computes, by the library's own functions.

Code that builds on an exercise which is not solved yet is tried once more on these.
"""

import math
from collections.abc import Mapping
from itertools import chain, islice, repeat

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import GenerationConfig, default_data_collator, set_seed
from transformers.pytorch_utils import Conv1D


def tokenize_batch(tokenizer, texts: list[str]) -> Mapping[str, Tensor]:
    """Ids and mask, padded on the right with the end-of-text token."""
    tokenizer.pad_token = tokenizer.eos_token
    encoded = [tokenizer(text) for text in texts]
    return tokenizer.pad(encoded, padding_side="right", return_tensors="pt")


def generate_text(
    model: nn.Module, tokenizer, prompt: str, max_new_tokens: int = 50, do_sample: bool = False, seed: int = 0
) -> str:
    """The prompt and what the model writes after it."""
    if not prompt:
        raise ValueError("prompt must not be empty")
    if max_new_tokens <= 0:
        return prompt
    end = tokenizer.eos_token_id
    settings = GenerationConfig(max_new_tokens=max_new_tokens, do_sample=do_sample, eos_token_id=end, pad_token_id=end)
    training = model.training
    set_seed(seed)
    given = tokenizer([prompt], return_tensors="pt")
    written = model.eval().generate(**given, generation_config=settings)[0].tolist()
    model.train(training)
    new = written[given["input_ids"].numel() :]
    return prompt + tokenizer.decode(new[: new.index(end)] if end in new else new)


class LoRALinear(nn.Module):
    """A frozen layer and a correction of low rank, with `A` (rank, in) and `B` (out, rank)."""

    def __init__(self, linear: nn.Module, rank: int, alpha: float) -> None:
        super().__init__()
        size_out, size_in = linear.weight.T.shape if isinstance(linear, Conv1D) else linear.weight.shape
        self.base = linear.requires_grad_(False)
        self.A = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(rank, size_in)))
        self.B = nn.Parameter(torch.zeros(size_out, rank))
        self.factor = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(self.base(x), torch.einsum("...i,ri,or->...o", x, self.A, self.B), alpha=self.factor)


def make_labels(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """The ids, -100 where padded."""
    return torch.where(attention_mask.bool(), input_ids, torch.full_like(input_ids, -100))


def group_texts(examples: dict[str, list[list[int]]], block_size: int) -> dict[str, list[list[int]]]:
    """Blocks of block_size ids across the borders of texts, and `labels`."""
    blocks = {}
    for name in (*examples, "labels"):
        lists = examples["input_ids" if name == "labels" else name]
        ids = torch.tensor([*chain(*lists)], dtype=torch.int64)
        blocks[name] = [] if len(ids) < block_size else ids.unfold(0, block_size, block_size).tolist()
    return blocks


def make_dataloader(
    blocks: dict[str, list[list[int]]], batch_size: int, shuffle: bool = False, seed: int = 0
) -> DataLoader[dict[str, Tensor]]:
    """A DataLoader over what group_texts gives."""
    rows = [dict(zip(blocks, row, strict=True)) for row in zip(*blocks.values(), strict=True)]
    order = torch.Generator().manual_seed(seed)
    return DataLoader(rows, batch_size, shuffle=shuffle, generator=order, collate_fn=default_data_collator)


def train(
    model: nn.Module,
    dataloader: DataLoader[dict[str, Tensor]],
    num_steps: int,
    learning_rate: float = 5e-5,
    device: str = "cpu",
) -> list[float]:
    """num_steps steps of AdamW, and the loss before each."""
    optimizer = torch.optim.AdamW(model.to(device).train().parameters(), lr=learning_rate)
    losses = []
    for batch in islice(chain.from_iterable(repeat(dataloader)), num_steps):
        optimizer.zero_grad()
        loss = model(**{name: tensor.to(device) for name, tensor in batch.items()}).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def perplexity(model: nn.Module, dataloader: DataLoader[dict[str, Tensor]], device: str = "cpu") -> float:
    """exp of the mean loss per predicted token."""
    training = model.training
    model.to(device).eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for batch in dataloader:
            moved = {name: tensor.to(device) for name, tensor in batch.items()}
            total += model(**moved, num_items_in_batch=1).loss.item()  # of a mean over 1: the sum
            count += int(moved["labels"][:, 1:].ne(-100).sum())
    model.train(training)
    if not count:
        raise ValueError("dataloader predicts no token")
    return math.exp(total / count)
