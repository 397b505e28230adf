"""Right, counted in float64 and given back in float32; autograd functions of its own; heads as separate objects."""

import torch
from torch import nn


class _Softmax(torch.autograd.Function):
    """softmax over the last dimension, with the gradient written out."""

    @staticmethod
    def forward(ctx, x):
        x = x.double()
        weights = torch.nan_to_num(torch.exp(x - torch.amax(x, -1, keepdim=True)), nan=0.0)
        weights = weights / weights.sum(-1, keepdim=True).clamp_min(1e-300)
        ctx.save_for_backward(weights)
        return weights.float()

    @staticmethod
    def backward(ctx, gradient):
        (weights,) = ctx.saved_tensors
        flow = weights * gradient.double()
        return (flow - weights * flow.sum(-1, keepdim=True)).float()


def softmax(x, dim=-1):
    return _Softmax.apply(x.transpose(dim, -1)).transpose(dim, -1)


def causal_mask(length):
    row = torch.arange(length).expand(length, length)
    return row <= row.T


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = query.double() @ key.double().transpose(-1, -2)
    scores *= 1 / torch.tensor(key.shape[-1]).sqrt()
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    weights = softmax(scores)
    return (weights.double() @ value.double()).float(), weights


def split_heads(x, num_heads):
    width = x.shape[-1]
    if width % num_heads:
        raise ValueError(f"cannot split: num_heads={num_heads}")
    columns = torch.arange(width).reshape(num_heads, width // num_heads)
    return x[:, :, columns].transpose(1, 2).contiguous()


def merge_heads(x):
    h, d = x.shape[1], x.shape[3]
    column = torch.arange(h * d)
    return x[:, column // d, :, column % d].permute(1, 2, 0)


class _Head(nn.Module):
    """One head's view of the layer's columns. Holds no parameter of its own."""

    def __init__(self, columns):
        super().__init__()
        self.columns = columns

    def forward(self, query, key, value, mask):
        parts = (each[..., self.columns] for each in (query, key, value))
        return scaled_dot_product_attention(*parts, mask)[0]


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        size, rest = divmod(d_model, num_heads)
        if rest:
            raise ValueError(f"d_model={d_model}, num_heads={num_heads}")
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)
        self.heads = nn.ModuleList(_Head(slice(i * size, (i + 1) * size)) for i in range(num_heads))

    def forward(self, x, mask=None):
        projected = self.query(x), self.key(x), self.value(x)
        if mask is not None:
            mask = mask.expand(len(x), len(self.heads), x.shape[1], x.shape[1])
        mixed = [head(*projected, None if mask is None else mask[:, i]) for i, head in enumerate(self.heads)]
        return self.output(torch.cat(mixed, dim=-1))
