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
    # BEGIN SOLUTION: the formula, entry by entry
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    # END SOLUTION


class LayerNorm(nn.Module):
    """LN(x) = weight * (x - mean) / sqrt(variance + epsilon) + bias   (Ba et al. 2016; handout, exercise 2)

    Mean and variance are those of each position's own D numbers. The variance is the biased one: the mean of the
    squared distances from the mean. `weight` (D,) starts with ones, `bias` (D,) with zeros; `epsilon` is an attribute.
    """

    def __init__(self, d_model: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        # BEGIN SOLUTION: two parameters, and epsilon
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.epsilon = epsilon
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D). Returns (..., D)."""
        # BEGIN SOLUTION: mean and variance along the last dimension, kept so that they broadcast
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return self.weight * centred / torch.sqrt(variance + self.epsilon) + self.bias
        # END SOLUTION


class FeedForward(nn.Module):
    """FF(x) = down(gelu(up(x))): each position thinks about what it has gathered   (handout, exercise 3)

    `up` is Linear D -> 4D, `down` Linear 4D -> D   (Vaswani et al. 2017, section 3.3; gelu for ReLU as in GPT-2).
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        # BEGIN SOLUTION: two linear layers, by the names above
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D). Returns (..., D)."""
        # BEGIN SOLUTION: up, gelu, down
        return self.down(gelu(self.up(x)))
        # END SOLUTION


class DecoderBlock(nn.Module):
    """y = x + attention(norm1(x)), then y + feed_forward(norm2(y))   (Radford et al. 2019, 2.3; handout, exercise 4)

    Pre-norm: each part reads a normalised copy, and what it says is added to x itself. Causal: no position sees a later
    one. The parts are `norm1`, `attention` (MultiHeadAttention), `norm2` and `feed_forward`.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        # BEGIN SOLUTION: the four parts, by the names above
        self.norm1 = LayerNorm(d_model)
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm2 = LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D). Returns (B, T, D)."""
        # BEGIN SOLUTION: the two lines of the docstring, under a causal mask
        x = x + self.attention(self.norm1(x), causal_mask(x.shape[1]))
        return x + self.feed_forward(self.norm2(x))
        # END SOLUTION


class GPT(nn.Module):
    """From token ids to the logits of the token after each position   (Radford et al. 2019; handout, exercise 5)

    The vectors of token and position are added, go through the blocks and a last norm, and are compared with the vector
    of each token: the output layer is the token embedding itself, tied, without bias.

    Attributes: `config`, `token_embedding` with its `weight` (V, D), `position_embedding` with its `weight`
    (context_length, D), `blocks` (ModuleList of DecoderBlock) and `norm`.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        # BEGIN SOLUTION: the attributes by the names above; which initial weights make the first loss about ln V?
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.blocks = nn.ModuleList(DecoderBlock(config.d_model, config.num_heads) for _ in range(config.num_layers))
        self.norm = LayerNorm(config.d_model)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
        # END SOLUTION

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T), ids. Returns logits (B, T, V). ValueError if T is more than `config.context_length`."""
        # BEGIN SOLUTION: check the length; embed tokens and positions; blocks; norm; compare with every token's vector
        length = tokens.shape[1]
        if length > self.config.context_length:
            raise ValueError(f"tokens: {length} positions, but the context length is {self.config.context_length}")
        x = self.token_embedding(tokens) + self.position_embedding(torch.arange(length))
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.token_embedding.weight.T
        # END SOLUTION


def load_gpt2_weights(model: GPT, hugging_face_model: "GPT2LMHeadModel") -> GPT:
    """Copy the weights of Hugging Face's GPT-2 into `model`, which is returned   (handout, exercise 6)

    Afterwards both give the same logits, and share no memory. Three things differ: their names; one Conv1D `c_attn`
    makes query, key and value at once; a Conv1D stores its weight as (in, out), a Linear as (out, in). Their norms may
    have another epsilon (`config.layer_norm_epsilon`). ValueError if the sizes, number of heads included, do not fit.
    """
    # BEGIN SOLUTION: compare the sizes; pair our norms and layers with theirs; then copy
    ours, theirs = model.config, hugging_face_model.config
    sizes = (ours.vocab_size, ours.context_length, ours.d_model, ours.num_layers, ours.num_heads)
    their_sizes = (theirs.vocab_size, theirs.n_positions, theirs.n_embd, theirs.n_layer, theirs.n_head)
    if sizes != their_sizes:
        raise ValueError(f"hugging_face_model of sizes {their_sizes} does not fit a model of sizes {sizes}")
    if theirs.n_inner not in (None, 4 * theirs.n_embd):
        raise ValueError(f"hugging_face_model has feed-forward layers of {theirs.n_inner} columns")

    source = hugging_face_model.transformer
    norms = [(model.norm, source.ln_f)]
    layers = []
    for block, other in zip(model.blocks, source.h, strict=True):
        norms += [(block.norm1, other.ln_1), (block.norm2, other.ln_2)]
        heads, c_attn = block.attention, other.attn.c_attn
        weights, biases = c_attn.weight.chunk(3, dim=1), c_attn.bias.chunk(3)
        layers += zip((heads.query, heads.key, heads.value), weights, biases, strict=True)
        layers += [
            (linear, conv.weight, conv.bias)
            for linear, conv in (
                (heads.output, other.attn.c_proj),
                (block.feed_forward.up, other.mlp.c_fc),
                (block.feed_forward.down, other.mlp.c_proj),
            )
        ]

    with torch.no_grad():
        model.token_embedding.weight.copy_(source.wte.weight)
        model.position_embedding.weight.copy_(source.wpe.weight)
        for linear, weight, bias in layers:
            linear.weight.copy_(weight.T)
            linear.bias.copy_(bias)
        for norm, other in norms:
            norm.weight.copy_(other.weight)
            norm.bias.copy_(other.bias)
            norm.epsilon = other.eps
    return model
    # END SOLUTION


@torch.no_grad()
def greedy_decode(model: GPT, tokens: Tensor, max_new_tokens: int) -> Tensor:
    """Append the likeliest next token, again and again   (handout, exercise 7)

    tokens (B, T), ids. Returns (B, T + max_new_tokens). The model sees the last `context_length` ids, no more.
    """
    # BEGIN SOLUTION: crop, ask the model, read one position, append
    for _ in range(max_new_tokens):
        logits = model(tokens[:, -model.config.context_length :])
        tokens = torch.cat([tokens, logits[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    return tokens
    # END SOLUTION


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k highest logits and put the rest at -inf   (Fan et al. 2018; handout, exercise 8)

    logits (..., V), and the result has the same shape. What equals the k-th highest is kept too; k > V keeps all.
    ValueError if k < 1.
    """
    # BEGIN SOLUTION: which value must a logit reach?
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    lowest_kept = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < lowest_kept, -math.inf)
    # END SOLUTION


def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest highest logits whose probabilities sum to at least p   (Holtzman et al. 2020, 3.1; exercise 9)

    logits (..., V), and the result has the same shape, the rest at -inf. At least one is kept; p = 1 keeps all; which
    of equal ones stays is free. ValueError if p is not within 0..1.
    """
    # BEGIN SOLUTION: a token stays if those before it, from the likeliest down, do not yet reach p
    if not 0 <= p <= 1:
        raise ValueError(f"p must be within 0..1, got {p}")
    if p == 1:
        return logits.clone()
    probabilities, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    superfluous = before >= p
    superfluous[..., 0] = False
    return logits.masked_fill(superfluous.scatter(-1, order, superfluous), -math.inf)
    # END SOLUTION


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
    # BEGIN SOLUTION: the loop of greedy_decode, with a draw in place of argmax
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")
    if temperature == 0:
        return greedy_decode(model, tokens, max_new_tokens)
    for _ in range(max_new_tokens):
        logits = model(tokens[:, -model.config.context_length :])[:, -1] / temperature
        if top_k is not None:
            logits = top_k_filter(logits, top_k)
        if top_p is not None:
            logits = top_p_filter(logits, top_p)
        drawn = torch.multinomial(logits.softmax(dim=-1), 1, generator=generator)
        tokens = torch.cat([tokens, drawn], dim=1)
    return tokens
    # END SOLUTION


@torch.no_grad()
def generate_with_cache(model: GPT, tokens: Tensor, max_new_tokens: int) -> Tensor:
    """The ids that `greedy_decode` gives, with less work: keys and values are kept   (handout, extra credit)

    tokens (B, T), ids. Returns (B, T + max_new_tokens). While T + max_new_tokens - 1 <= context_length, no position's
    key or value is computed twice. Beyond that every position moves, and with it every key: only the ids count.
    """
    # BEGIN SOLUTION: run the blocks yourself, on the new positions only; keep each block's keys and values
    heads, limit = model.config.num_heads, model.config.context_length
    cache: dict[int, tuple[Tensor, Tensor]] = {}
    known = 0  # positions whose keys and values are in the cache
    for _ in range(max_new_tokens):
        if known == limit:
            known = 0
        new = tokens[:, max(known, tokens.shape[1] - limit) :]
        x = model.token_embedding.weight[new] + model.position_embedding.weight[known : known + new.shape[1]]
        for number, block in enumerate(model.blocks):
            attention, normed = block.attention, block.norm1(x)
            query, key, value = (
                split_heads(layer(normed), heads) for layer in (attention.query, attention.key, attention.value)
            )
            if known:
                key, value = (torch.cat(pair, dim=2) for pair in zip(cache[number], (key, value), strict=True))
            cache[number] = key, value
            mixture, _ = scaled_dot_product_attention(query, key, value, causal_mask(key.shape[2])[known:])
            x = x + attention.output(merge_heads(mixture))
            x = x + block.feed_forward(block.norm2(x))
        known += new.shape[1]
        logits = model.norm(x[:, -1:]) @ model.token_embedding.weight.T
        tokens = torch.cat([tokens, logits.argmax(dim=-1)], dim=1)
    return tokens
    # END SOLUTION
