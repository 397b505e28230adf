"""Right, with strides: views that are not contiguous, heads folded into the batch, the scale shared out."""

import math

import torch
from torch import nn


def softmax(x, dim=-1):
    y = x.transpose(dim, 0)
    highest = y.max(dim=0).values
    highest = torch.where(torch.isinf(highest), torch.zeros_like(highest), highest)
    y = torch.exp(y - highest)
    total = y.sum(dim=0)
    y = y * (1.0 / (total + (total == 0).to(total)))
    return y.transpose(dim, 0)


def causal_mask(length):
    return ~torch.ones((length, length)).triu(diagonal=1).to(torch.bool)


def scaled_dot_product_attention(query, key, value, mask=None):
    share = math.pow(query.shape[-1], 0.25)
    scores = ((key / share) @ (query / share).mT).mT  # (..., T, S), not contiguous
    if mask is None:
        mask = scores.new_ones((), dtype=torch.bool)
    hidden = ~mask
    weights = softmax(torch.where(hidden, -torch.inf, scores))
    output = (value.mT @ weights.mT).mT
    return output, weights


def split_heads(x, num_heads):
    if x.shape[2] / num_heads != x.shape[2] // num_heads:
        raise ValueError(f"x: last dimension {x.shape[2]}, heads {num_heads}")
    return torch.movedim(x.view(*x.shape[:2], num_heads, -1) if x.is_contiguous() else _cut(x, num_heads), 2, 1)


def _cut(x, num_heads):
    size = x.shape[2] // num_heads
    return x.unfold(2, size, size)


def merge_heads(x):
    b, h, t, d = x.shape
    merged = x.new_empty(b, t, h * d)
    merged.view(b, t, h, d).copy_(x.permute(0, 2, 1, 3))
    return merged


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        if d_model % num_heads > 0:
            raise ValueError("d_model must be divisible by num_heads")
        self.query = nn.Linear(d_model, d_model, bias=True)
        self.key = nn.Linear(d_model, d_model, bias=True)
        self.value = nn.Linear(d_model, d_model, bias=True)
        self.output = nn.Linear(d_model, d_model, bias=True)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x, mask=None):
        b, t, d = x.shape
        h = self.num_heads
        fused = nn.functional.linear(
            x,
            torch.cat([self.query.weight, self.key.weight, self.value.weight]),
            torch.cat([self.query.bias, self.key.bias, self.value.bias]),
        )
        q, k, v = fused.view(b, t, 3, h, d // h).permute(2, 0, 3, 1, 4).reshape(3, b * h, t, d // h)
        if mask is not None:
            mask = mask.expand(b, h, t, t).reshape(b * h, t, t)
        mixed = scaled_dot_product_attention(q, k, v, mask)[0]
        return self.output(mixed.view(b, h, t, d // h).transpose(1, 2).reshape(b, t, d))
