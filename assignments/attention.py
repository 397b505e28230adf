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
    # TODO: take the largest entry away before you exponentiate; what if even the largest is -inf?
    raise NotImplementedError


def causal_mask(length: int) -> Tensor:
    """Who may look at whom when nobody may look ahead   (handout, exercise 2)

    Returns (length, length), bool: True where the query (row) may attend to the key (column), that is, to itself and to
    every earlier position.
    """
    # TODO: which columns may row t see?
    raise NotImplementedError


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V   (Vaswani et al. 2017, equation 1; handout, exercise 3)

    query (..., T, d), key (..., S, d), value (..., S, d_v); mask: bool, broadcasts to (..., T, S), True = may attend.
    Returns the output (..., T, d_v) and the weights (..., T, S). A query that may attend to nothing gets zeros in both.
    """
    # TODO: scores, then the mask, then weights, then the mixture of values
    raise NotImplementedError


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the columns of x into `num_heads` heads   (handout, exercise 4)

    x (B, T, D). Returns (B, h, T, D // h): head i is columns i * D/h .. (i + 1) * D/h - 1 of x.
    ValueError if D is not a multiple of `num_heads`.
    """
    # TODO: the columns are cut first; only then do heads and positions change places
    raise NotImplementedError


def merge_heads(x: Tensor) -> Tensor:
    """Put the heads next to each other again: the inverse of `split_heads`   (handout, exercise 5)

    x (B, h, T, D // h). Returns (B, T, D).
    """
    # TODO: the two steps of split_heads backwards
    raise NotImplementedError


class MultiHeadAttention(nn.Module):
    """MultiHead(x) = concat(head_1, ..., head_h) W_O   (Vaswani et al. 2017, section 3.2.2; handout, exercise 6)

    Every head attends with its own part of the queries, keys and values, which are all made from the same x.

    d_model: D, the size of x and of the result; num_heads: h. ValueError if D is not a multiple of h.
    The layers are `query`, `key`, `value` and `output`, each Linear D -> D with bias; the scale is that of one head.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        # TODO: check that the heads fit; then four linear layers, by the names above
        raise NotImplementedError

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, T, D); mask: bool, broadcasts to (B, h, T, T), True = may attend. Returns (B, T, D).

        A causal mask is (T, T), the same for all; a padding mask is (B, 1, 1, T), one row of keys for each sequence.
        """
        # TODO: project, split, attend, merge, project
        raise NotImplementedError
