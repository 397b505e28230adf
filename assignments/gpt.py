"""A GPT: decoder blocks in a row, the weights of the real GPT-2 poured into them, and text out of the result.

The handout is `gpt.md`. The model is GPT-2's (Radford et al. 2019, "Language Models are Unsupervised Multitask
Learners"): pre-norm, positions learned, the output layer tied to the token embedding; without dropout. torch's own
gelu, layer_norm, LayerNorm, scaled_dot_product_attention and MultiheadAttention may not be called here, since writing
them is the task; its softmax may.

Letters in shapes: B batch, T positions, V vocabulary, D model size, h heads; `...` any number of dimensions.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from attention import MultiHeadAttention, causal_mask, merge_heads, scaled_dot_product_attention, split_heads
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel


@dataclass
class GPTConfig:
    """The sizes of a GPT: V, the most positions it can see at once, D, how many blocks, and h in each of them."""

    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_heads: int


def gelu(x: Tensor) -> Tensor:
    """gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))   (handout, exercise 1)

    GPT-2's form; the exact one, with the error function, differs from it by up to 0.0005 (Hendrycks and Gimpel 2016,
    "Gaussian Error Linear Units"). x: any shape, and the result has the same.
    """
    # TODO: the formula, entry by entry
    raise NotImplementedError


class LayerNorm(nn.Module):
    """LN(x) = weight * (x - mean) / sqrt(variance + epsilon) + bias   (Ba et al. 2016; handout, exercise 2)

    Mean and variance are those of each position's own D numbers. The variance is the biased one: the mean of the
    squared distances from the mean. `weight` (D,) starts with ones, `bias` (D,) with zeros; `epsilon` is an attribute.
    """

    def __init__(self, d_model: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        # TODO: two parameters, and epsilon
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D). Returns (..., D)."""
        # TODO: mean and variance along the last dimension, kept so that they broadcast
        raise NotImplementedError


class FeedForward(nn.Module):
    """FF(x) = down(gelu(up(x))): each position thinks about what it has gathered   (handout, exercise 3)

    `up` is Linear D -> 4D, `down` Linear 4D -> D   (Vaswani et al. 2017, section 3.3; gelu for ReLU as in GPT-2).
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        # TODO: two linear layers, by the names above
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D). Returns (..., D)."""
        # TODO: up, gelu, down
        raise NotImplementedError


class DecoderBlock(nn.Module):
    """y = x + attention(norm1(x)), then y + feed_forward(norm2(y))   (Radford et al. 2019, 2.3; handout, exercise 4)

    Pre-norm: each part reads a normalised copy, and what it says is added to x itself. Causal: no position sees a later
    one. The parts are `norm1`, `attention` (MultiHeadAttention), `norm2` and `feed_forward`.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        # TODO: the four parts, by the names above
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D). Returns (B, T, D)."""
        # TODO: the two lines of the docstring, under a causal mask
        raise NotImplementedError


class GPT(nn.Module):
    """From token ids to the logits of the token after each position   (Radford et al. 2019; handout, exercise 5)

    The vectors of token and position are added, go through the blocks and a last norm, and are compared with the vector
    of each token: the output layer is the token embedding itself, tied, without bias.

    Attributes: `config`, `token_embedding` with its `weight` (V, D), `position_embedding` with its `weight`
    (context_length, D), `blocks` (ModuleList of DecoderBlock) and `norm`.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        # TODO: the attributes by the names above; which initial weights make the first loss about ln V?
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T), ids. Returns logits (B, T, V). ValueError if T is more than `config.context_length`."""
        # TODO: check the length; embed tokens and positions; blocks; norm; compare with every token's vector
        raise NotImplementedError


def load_gpt2_weights(model: GPT, hugging_face_model: "GPT2LMHeadModel") -> GPT:
    """Copy the weights of Hugging Face's GPT-2 into `model`, which is returned   (handout, exercise 6)

    Afterwards both give the same logits, and share no memory. Three things differ: their names; one Conv1D `c_attn`
    makes query, key and value at once; a Conv1D stores its weight as (in, out), a Linear as (out, in). Their norms may
    have another epsilon (`config.layer_norm_epsilon`). ValueError if the sizes, number of heads included, do not fit.
    """
    # TODO: compare the sizes; pair our norms and layers with theirs; then copy
    raise NotImplementedError


@torch.no_grad()
def greedy_decode(model: GPT, tokens: Tensor, max_new_tokens: int) -> Tensor:
    """Append the likeliest next token, again and again   (handout, exercise 7)

    tokens (B, T), ids. Returns (B, T + max_new_tokens). The model sees the last `context_length` ids, no more.
    """
    # TODO: crop, ask the model, read one position, append
    raise NotImplementedError


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k highest logits and put the rest at -inf   (Fan et al. 2018; handout, exercise 8)

    logits (..., V), and the result has the same shape. What equals the k-th highest is kept too; k > V keeps all.
    ValueError if k < 1.
    """
    # TODO: which value must a logit reach?
    raise NotImplementedError


def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest highest logits whose probabilities sum to at least p   (Holtzman et al. 2020, 3.1; exercise 9)

    logits (..., V), and the result has the same shape, the rest at -inf. At least one is kept; p = 1 keeps all; which
    of equal ones stays is free. ValueError if p is not within 0..1.
    """
    # TODO: a token stays if those before it, from the likeliest down, do not yet reach p
    raise NotImplementedError


@torch.no_grad()
def sample(
    model: GPT,
    tokens: Tensor,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Append tokens drawn from the model's probabilities   (handout, exercise 10)

    tokens (B, T), ids. Returns (B, T + max_new_tokens). The logits are divided by the temperature, then filtered by
    top-k, then by top-p (where given), then drawn from; `generator` is the only source of randomness (None: torch's
    global one). Temperature 0 is greedy; ValueError if it is below 0. The model sees the last `context_length` ids.
    """
    # TODO: the loop of greedy_decode, with a draw in place of argmax
    raise NotImplementedError


@torch.no_grad()
def generate_with_cache(model: GPT, tokens: Tensor, max_new_tokens: int) -> Tensor:
    """The ids that `greedy_decode` gives, with less work: keys and values are kept   (handout, extra credit)

    tokens (B, T), ids. Returns (B, T + max_new_tokens). While T + max_new_tokens - 1 <= context_length, no position's
    key or value is computed twice. Beyond that every position moves, and with it every key: only the ids count.
    """
    # TODO: run the blocks yourself, on the new positions only; keep each block's keys and values
    raise NotImplementedError
