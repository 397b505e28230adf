"""Right, by way of logsumexp; in-place steps on copies; what is hidden gets -inf by addition; a buffer that grows."""

import torch
from torch import nn

INFINITY = float("inf")


def softmax(x, dim=-1):
    nothing = torch.isneginf(x).all(dim=dim, keepdim=True)
    safe = x.clone()
    safe.masked_fill_(nothing, 0.0)
    logs = safe - torch.logsumexp(safe, dim=dim, keepdim=True)
    return logs.exp_().masked_fill(nothing, 0.0)


def causal_mask(length):
    mask = torch.full((length, length), False)
    for row in range(length):
        mask[row, : row + 1] = True
    return mask


def scaled_dot_product_attention(query, key, value, mask=None):
    scores = torch.matmul(query.div(query.shape[-1] ** 0.5), key.mT)
    if mask is not None:
        scores = scores + torch.zeros(mask.shape).masked_fill_(mask.logical_not(), -INFINITY)
    weights = softmax(x=scores, dim=scores.ndim - 1)
    return (torch.matmul(weights, value), weights)


def split_heads(x, num_heads):
    if x.shape[-1] % num_heads != 0:
        raise ValueError("the last dimension of `x` must be a multiple of `num_heads`")
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


def merge_heads(x):
    return torch.cat(x.unbind(dim=1), dim=-1)


class Projection(nn.Linear):
    """A linear layer with small, orthogonal weights."""

    def reset_parameters(self):
        nn.init.orthogonal_(self.weight, gain=0.5)
        nn.init.zeros_(self.bias)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        if d_model % num_heads != 0:
            raise ValueError(f"{num_heads=} does not divide {d_model=}")
        super().__init__()
        self.d_model, self.num_heads = d_model, num_heads
        self.layers = nn.ModuleList(Projection(d_model, d_model) for _ in range(4))
        self.query, self.key, self.value, self.output = self.layers
        self.register_buffer("everything", torch.ones(0, 0, dtype=torch.bool), persistent=True)

    def forward(self, x, mask=None):
        length = x.shape[1]
        if self.everything.shape[0] < length:
            self.everything = torch.ones(length, length, dtype=torch.bool)
        if mask is None:
            mask = self.everything[:length, :length]
        q, k, v = (split_heads(x=layer(x), num_heads=self.num_heads) for layer in self.layers[:3])
        output, _ = scaled_dot_product_attention(query=q, key=k, value=v, mask=mask)
        return self.output(merge_heads(x=output))
