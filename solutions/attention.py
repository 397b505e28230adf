"""Attention: from scores to weights, from weights to a mixture, and several mixtures side by side.

The handout is `attention.md`. All of it is Vaswani et al., "Attention Is All You Need" (2017), section 3.2; torch's own
softmax, scaled_dot_product_attention and MultiheadAttention may not be called here, since writing them is the task.

Letters in shapes: B batch, T queries, S keys, D model size, h heads, d size of a query and a key, d_v size of a value;
`...` any number of dimensions, none included. A mask is bool, and True means: may attend.
"""

import math

import torch
from torch import Tensor, nn


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """softmax(x)_i = exp(x_i) / sum_j exp(x_j), along the dimension `dim`   (handout, exercise 1)

    x: any shape, and the result has the same. It is finite for entries as large as 1e4 and as small as -1e4. An entry
    of -inf gets exactly 0. Where all entries along `dim` are -inf, the result is zeros, and gradients stay finite.
    """
    # BEGIN SOLUTION: take the largest entry away before you exponentiate; what if even the largest is -inf?
    largest = x.detach().amax(dim=dim, keepdim=True)
    largest = largest.clamp(min=torch.finfo(x.dtype).min)  # finite: -inf - -inf would be nan
    exponentials = torch.exp(x - largest)
    total = exponentials.sum(dim=dim, keepdim=True)
    return exponentials / total.clamp(min=1)  # the largest gives exp(0) = 1, so less than 1 means: all were -inf
    # END SOLUTION


def causal_mask(length: int) -> Tensor:
    """Who may look at whom when nobody may look ahead   (handout, exercise 2)

    Returns (length, length), bool: True where the query (row) may attend to the key (column), that is, to itself and to
    every earlier position.
    """
    # BEGIN SOLUTION: which columns may row t see?
    positions = torch.arange(length)
    return positions[:, None] >= positions[None, :]
    # END SOLUTION


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V   (Vaswani et al. 2017, equation 1; handout, exercise 3)

    query (..., T, d), key (..., S, d), value (..., S, d_v); mask: bool, broadcasts to (..., T, S), True = may attend.
    Returns the output (..., T, d_v) and the weights (..., T, S). A query that may attend to nothing gets zeros in both.
    """
    # BEGIN SOLUTION: scores, then the mask, then weights, then the mixture of values
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = softmax(scores, dim=-1)
    return weights @ value, weights
    # END SOLUTION


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the columns of x into `num_heads` heads   (handout, exercise 4)

    x (B, T, D). Returns (B, h, T, D // h): head i is columns i * D/h .. (i + 1) * D/h - 1 of x.
    ValueError if D is not a multiple of `num_heads`.
    """
    # BEGIN SOLUTION: the columns are cut first; only then do heads and positions change places
    batch, length, width = x.shape
    if width % num_heads != 0:
        raise ValueError(f"num_heads: {width} columns cannot be cut into {num_heads} equal heads")
    return x.reshape(batch, length, num_heads, width // num_heads).transpose(1, 2)
    # END SOLUTION


def merge_heads(x: Tensor) -> Tensor:
    """Put the heads next to each other again: the inverse of `split_heads`   (handout, exercise 5)

    x (B, h, T, D // h). Returns (B, T, D).
    """
    # BEGIN SOLUTION: the two steps of split_heads backwards
    batch, heads, length, size = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * size)
    # END SOLUTION


class MultiHeadAttention(nn.Module):
    """MultiHead(x) = concat(head_1, ..., head_h) W_O   (Vaswani et al. 2017, section 3.2.2; handout, exercise 6)

    Every head attends with its own part of the queries, keys and values, which are all made from the same x.

    d_model: D, the size of x and of the result; num_heads: h. ValueError if D is not a multiple of h.
    The layers are `query`, `key`, `value` and `output`, each Linear D -> D with bias; the scale is that of one head.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        # BEGIN SOLUTION: check that the heads fit; then four linear layers, by the names above
        if d_model % num_heads != 0:
            raise ValueError(f"num_heads: d_model {d_model} is not a multiple of {num_heads}")
        self.num_heads = num_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)
        # END SOLUTION

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, T, D); mask: bool, broadcasts to (B, h, T, T), True = may attend. Returns (B, T, D).

        A causal mask is (T, T), the same for all; a padding mask is (B, 1, 1, T), one row of keys for each sequence.
        """
        # BEGIN SOLUTION: project, split, attend, merge, project
        query = split_heads(self.query(x), self.num_heads)
        key = split_heads(self.key(x), self.num_heads)
        value = split_heads(self.value(x), self.num_heads)
        attended, _ = scaled_dot_product_attention(query, key, value, mask)
        return self.output(merge_heads(attended))
        # END SOLUTION
