"""What `gpt` computes, by the library's own functions.

Code that builds on an exercise which is not solved yet is tried once more on these. They are of no use as answers: each
of them calls what the exercise forbids, or goes a long way round.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def gelu(x: Tensor) -> Tensor:
    """The library's gelu, in its tanh form."""
    return functional.gelu(x, approximate="tanh")


class LayerNorm(nn.Module):
    """(..., D) to (..., D), with `weight`, `bias` and `epsilon`."""

    def __init__(self, d_model: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


class FeedForward(nn.Module):
    """(..., D) to (..., D), with the layers `up` and `down`."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.gelu(self.up(x), approximate="tanh"))


class _Attention(nn.Module):
    """The library's multi-head attention, with the layers by the names of the exercise; always causal."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if d_model % num_heads:
            raise ValueError("num_heads must divide d_model")
        self.num_heads = num_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002  # the same on every call
        parts = [
            torch.stack(layer(x).tensor_split(self.num_heads, dim=-1), dim=1)
            for layer in (self.query, self.key, self.value)
        ]
        mixed = functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.output(torch.cat(mixed.unbind(dim=1), dim=-1))


class DecoderBlock(nn.Module):
    """(B, T, D) to (B, T, D), with the parts `norm1`, `attention`, `norm2` and `feed_forward`.

    What else a student's model may hand to its blocks, such as a mask, is passed over.
    """

    def __init__(self, d_model: int, num_heads: int, *_: object, **__: object) -> None:
        super().__init__()
        self.norm1 = LayerNorm(d_model)
        self.attention = _Attention(d_model, num_heads)
        self.norm2 = LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model)

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        for norm, part in ((self.norm1, self.attention), (self.norm2, self.feed_forward)):
            x = torch.add(x, part(norm(x)))
        return x


class GPT(nn.Module):
    """(B, T) ids to (B, T, V) logits, with the attributes of the exercise."""

    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.blocks = nn.ModuleList(DecoderBlock(config.d_model, config.num_heads) for _ in range(config.num_layers))
        self.norm = LayerNorm(config.d_model)
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        if tokens.shape[1] > self.config.context_length:
            raise ValueError("tokens: more than the context length")
        positions = self.position_embedding.weight.split(tokens.shape[1])[0]
        x = nn.Sequential(*self.blocks, self.norm)(torch.add(self.token_embedding(tokens), positions))
        return functional.linear(x, self.token_embedding.weight)


def greedy_decode(model: nn.Module, tokens: Tensor, max_new_tokens: int) -> Tensor:
    """(B, T) to (B, T + max_new_tokens), one token at a time by the mode of the distribution after the last window."""
    with torch.no_grad():
        while max_new_tokens:
            window = tokens.unfold(1, min(tokens.shape[1], model.config.context_length), 1)[:, -1]
            newest = torch.distributions.Categorical(logits=model(window).unbind(dim=1)[-1]).mode
            tokens, max_new_tokens = torch.column_stack((tokens, newest)), max_new_tokens - 1
    return tokens


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """What transformers does."""
    from transformers import TopKLogitsWarper

    return TopKLogitsWarper(k)(None, logits)


def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """What transformers does, which takes rows."""
    from transformers import TopPLogitsWarper

    return TopPLogitsWarper(float(p))(None, logits.reshape(-1, logits.shape[-1])).reshape(logits.shape)
