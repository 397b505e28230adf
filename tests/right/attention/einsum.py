"""Right, with einsum throughout, a named tuple as result, and masking by multiplication of exponentials."""

from typing import NamedTuple

import torch
from torch import Tensor, einsum
from torch.nn import Linear, Module, init


class Attended(NamedTuple):
    output: Tensor
    weights: Tensor


def _shares(scores: Tensor, allowed: Tensor, dim: int) -> Tensor:
    """Shares of the allowed scores; the others never enter an exponential."""
    floor = torch.where(allowed, scores, torch.full_like(scores, torch.finfo(scores.dtype).min))
    top = floor.max(dim=dim, keepdim=True).values
    parts = torch.where(allowed, floor - top, torch.zeros_like(scores)).exp() * allowed
    total = parts.sum(dim, keepdim=True)
    return parts / torch.where(total > 0, total, torch.ones_like(total))


def softmax(x, dim=-1):
    allowed = x != float("-inf")
    return _shares(torch.where(allowed, x, torch.zeros_like(x)), allowed, dim)


def causal_mask(length):
    return torch.tril(torch.ones(length, length, dtype=torch.bool))


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = einsum("...td,...sd->...ts", query, key) * query.size(-1) ** -0.5
    allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.broadcast_to(scores.shape)
    weights = _shares(scores, allowed, -1)
    return Attended(output=einsum("...ts,...sv->...tv", weights, value), weights=weights)


def split_heads(x, num_heads):
    size, rest = divmod(x.size(-1), num_heads)
    if rest:
        raise ValueError(f"x has {x.size(-1)} columns, which are not {num_heads} equal parts")
    return x.unflatten(-1, (num_heads, size)).permute(0, 2, 1, 3)


def merge_heads(x):
    return x.permute(0, 2, 1, 3).flatten(start_dim=-2)


class MultiHeadAttention(Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"d_model ({d_model}) is not divisible by the number of heads ({num_heads})")
        self.h = num_heads
        for name in ("query", "key", "value", "output"):
            layer = Linear(d_model, d_model)
            init.normal_(layer.weight, std=0.02)
            init.zeros_(layer.bias)
            self.add_module(name, layer)

    def forward(self, x, mask=None):
        size = x.size(-1) // self.h
        q, k, v = (
            einsum("btd,hed->bhte", x, layer.weight.unflatten(0, (self.h, size)))
            + layer.bias.unflatten(0, (self.h, 1, size))
            for layer in (self.query, self.key, self.value)
        )
        mixed = scaled_dot_product_attention(q, k, v, mask).output
        return einsum("bhte,ohe->bto", mixed, self.output.weight.unflatten(1, (self.h, size))) + self.output.bias
