"""What `finetuning` computes, by the library's own functions.

Code that builds on an exercise which is not solved yet is tried once more on these.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, set_seed
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
