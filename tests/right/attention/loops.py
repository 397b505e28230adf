"""Right, one sequence, head and query at a time in Python, with lists; errors come from a helper."""

import math

import torch
from torch import nn


def _check(width, num_heads):
    if width % num_heads:
        raise ValueError(f"num_heads must divide {width}, got {num_heads}")
    return width // num_heads


def _row(row):
    """softmax of one row."""
    finite = [i for i, entry in enumerate(row.tolist()) if entry != -math.inf]
    result = torch.zeros_like(row)
    if finite:
        chosen = row[finite]
        powers = torch.exp(chosen - max(chosen.tolist()))
        result = result.index_put((torch.tensor(finite),), powers / sum(powers))
    return result + 0 * row.masked_fill(torch.isinf(row), 0)  # gradients always have a way back


def softmax(x, dim=-1):
    last = x.movedim(dim, -1)
    rows = [_row(row) for row in last.reshape(-1, last.shape[-1])]
    return torch.stack(rows).reshape(last.shape).movedim(-1, dim)


def causal_mask(length):
    return torch.tensor([[column <= row for column in range(length)] for row in range(length)])


def _one_query(query, keys, values, allowed):
    scores = torch.stack([(query * key).sum() for key in keys]) / math.sqrt(len(query))
    weights = _row(torch.where(allowed, scores, torch.tensor(-math.inf)))
    output = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return output, weights


def scaled_dot_product_attention(query, key, value, mask=None):
    batch, length, sources = query.shape[:-2], query.shape[-2], key.shape[-2]
    if mask is None:
        mask = torch.ones(length, sources, dtype=torch.bool)
    mask = mask.expand(*batch, length, sources).reshape(-1, length, sources)
    queries, keys, values = (t.reshape(-1, *t.shape[-2:]) for t in (query, key, value))
    outputs, weights = [], []
    for b in range(len(queries)):
        for t in range(length):
            output, weight = _one_query(queries[b, t], keys[b], values[b], mask[b, t])
            outputs.append(output)
            weights.append(weight)
    return (
        torch.stack(outputs).reshape(*batch, length, value.shape[-1]),
        torch.stack(weights).reshape(*batch, length, sources),
    )


def split_heads(x, num_heads):
    size = _check(x.shape[2], num_heads)
    return torch.stack([x[:, :, i * size : (i + 1) * size] for i in range(num_heads)], dim=1)


def merge_heads(x):
    return torch.cat([x[:, i] for i in range(x.shape[1])], dim=2)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.size = _check(d_model, num_heads)
        self.query, self.key, self.value, self.output = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, x, mask=None):
        q, k, v = self.query(x), self.key(x), self.value(x)
        batch, length, d_model = x.shape
        heads = d_model // self.size
        if mask is not None:
            mask = mask.expand(batch, heads, length, length)
        results = []
        for i in range(heads):
            part = slice(i * self.size, (i + 1) * self.size)
            allowed = None if mask is None else mask[:, i]
            results.append(scaled_dot_product_attention(q[..., part], k[..., part], v[..., part], allowed)[0])
        return self.output(torch.cat(results, dim=-1))
