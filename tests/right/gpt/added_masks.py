"""Right, with gelu's gradient by hand, masks that are added, masks kept by length, draws by a search in the sums."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import attention as att
import torch
from torch import nn


@dataclass
class GPTConfig:
    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_heads: int


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        u = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x + 0.5 * x * u.tanh()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        c = math.sqrt(2 / math.pi)
        t = (c * (x + 0.044715 * x**3)).tanh()
        return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))


def gelu(x):
    return _Gelu.apply(x)


class _Affine(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))


class LayerNorm(_Affine):
    def __init__(self, d_model, epsilon=1e-5):
        super().__init__(d_model)
        self.epsilon = epsilon

    def forward(self, x):
        y = x.movedim(-1, 0)
        n = y.shape[0]
        centred = y - y.sum(0) / n
        scale = ((centred * centred).sum(0) / n + self.epsilon) ** -0.5
        return (centred * scale).movedim(0, -1) * self.weight + self.bias


class FeedForward(nn.Sequential):
    def __init__(self, d_model):
        super().__init__()
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)

    def forward(self, x):
        hidden = gelu(self.up(x))
        return torch.einsum("...i,oi->...o", hidden, self.down.weight) + self.down.bias


MASKS: dict = {}  # by length


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.norm1, self.norm2 = (LayerNorm(d_model) for _ in range(2))
        self.attention, self.feed_forward = att.MultiHeadAttention(d_model, num_heads), FeedForward(d_model)

    def forward(self, x):
        t = x.shape[1]
        if t not in MASKS:
            MASKS[t] = att.causal_mask(t)
        parts = [x]
        parts.append(self.attention(self.norm1(x), mask=MASKS[t]))
        parts.append(self.feed_forward(self.norm2(parts[0] + parts[1])))
        return parts[0] + parts[1] + parts[2]


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList()
        while len(self.blocks) < config.num_layers:
            self.blocks.append(DecoderBlock(config.d_model, config.num_heads))
        self.norm = LayerNorm(config.d_model)
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        nn.init.uniform_(self.token_embedding.weight, -0.05, 0.05)
        nn.init.normal_(self.position_embedding.weight, std=0.01)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.head.weight = self.token_embedding.weight
        self.register_buffer("positions", torch.arange(config.context_length), persistent=False)

    def forward(self, tokens):
        if tokens.size(1) > self.config.context_length:
            raise ValueError("tokens has more columns than the context")
        x = self.position_embedding(self.positions[: tokens.size(1)].expand_as(tokens)) + self.token_embedding(tokens)
        return self.head(self.norm(nn.Sequential(*self.blocks)(x)))


def _pairs(model: GPT, other) -> Iterator[tuple]:
    state = other.state_dict()
    yield model.token_embedding.weight, state["transformer.wte.weight"]
    yield model.position_embedding.weight, state["transformer.wpe.weight"]
    yield from ((getattr(model.norm, n), state["transformer.ln_f." + n]) for n in ("weight", "bias"))
    for i, b in enumerate(model.blocks):
        p = f"transformer.h.{i}."
        for n in ("weight", "bias"):
            yield getattr(b.norm1, n), state[p + "ln_1." + n]
            yield getattr(b.norm2, n), state[p + "ln_2." + n]
            third = state[p + "attn.c_attn." + n].T
            d = model.config.d_model
            for j, layer in enumerate((b.attention.query, b.attention.key, b.attention.value)):
                yield getattr(layer, n), third[j * d : (j + 1) * d]
            yield getattr(b.attention.output, n), state[p + "attn.c_proj." + n].t()
            yield getattr(b.feed_forward.up, n), state[p + "mlp.c_fc." + n].t()
            yield getattr(b.feed_forward.down, n), state[p + "mlp.c_proj." + n].t()


def load_gpt2_weights(model, hugging_face_model):
    c = hugging_face_model.config
    names = {
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "d_model": "n_embd",
        "num_layers": "n_layer",
        "num_heads": "n_head",
    }
    for ours, theirs in names.items():
        if getattr(model.config, ours) != getattr(c, theirs):
            raise ValueError(f"model: {ours} is not the other's {theirs}")
    for target, source in _pairs(model, hugging_face_model):
        target.data = source.detach().clone().contiguous()
    for m in model.modules():
        if isinstance(m, LayerNorm):
            m.epsilon = float(c.layer_norm_epsilon)
    return model


def greedy_decode(model, tokens, max_new_tokens):
    """Row by row, with lists."""
    rows = []
    for row in tokens.tolist():
        for _ in range(max_new_tokens):
            with torch.no_grad():
                row.append(int(model(torch.tensor([row[-model.config.context_length :]]))[0, -1].argmax()))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.int64).reshape(tokens.shape[0], -1)


def top_k_filter(logits, k):
    if k < 1:
        raise ValueError(f"k={k}")
    bigger = (logits[..., None, :] > logits[..., :, None]).sum(-1)
    return logits + torch.zeros_like(logits).masked_fill(bigger >= k, -torch.inf)


def top_p_filter(logits, p):
    if not (p >= 0 and p <= 1):
        raise ValueError(f"p={p}")
    if p == 1:
        return logits + 0
    ordered, order = torch.sort(logits, descending=True, stable=True)
    sums = ordered.softmax(-1).cumsum(-1)
    needed = (sums < p).sum(-1, keepdim=True) + 1
    ordered = ordered.masked_fill(torch.arange(logits.shape[-1]) >= needed, -torch.inf)
    return ordered.gather(-1, order.argsort(-1))


@torch.no_grad()
def sample(model, tokens, max_new_tokens, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature < 0:
        raise ValueError(f"temperature={temperature}")
    if not temperature:
        return greedy_decode(model, tokens, max_new_tokens)
    made = tokens
    while made.shape[1] < tokens.shape[1] + max_new_tokens:
        z = model(made[:, -model.config.context_length :])[:, -1].div(temperature)
        for function, argument in ((top_k_filter, top_k), (top_p_filter, top_p)):
            if argument is not None:
                z = function(z, argument)
        sums = z.double().softmax(-1).cumsum(-1)
        u = torch.rand(len(z), 1, generator=generator, dtype=torch.float64) * sums[:, -1:]
        drawn = torch.searchsorted(sums, u, right=True)
        made = torch.cat((made, drawn.clamp_max(z.shape[-1] - 1)), dim=-1)
    return made


def generate_with_cache(model, tokens, max_new_tokens):
    limit = model.config.context_length
    if max_new_tokens == 0:
        return tokens
    if tokens.shape[1] + max_new_tokens - 1 > limit:
        return greedy_decode(model, tokens, max_new_tokens)
    total = tokens.shape[1] + max_new_tokens
    h, d = model.config.num_heads, model.config.d_model // model.config.num_heads
    rows = tokens.shape[0]
    keys = torch.zeros(len(model.blocks), rows, h, total, d)
    values = torch.zeros_like(keys)
    at = 0
    with torch.no_grad():
        while tokens.shape[1] < total:
            new = tokens[:, at:]
            n = new.shape[1]
            x = model.token_embedding(new) + model.position_embedding(torch.arange(at, at + n))
            for number, b in enumerate(model.blocks):
                y = b.norm1(x)
                q = b.attention.query(y).view(rows, n, h, d).transpose(1, 2)
                keys[number, :, :, at : at + n] = b.attention.key(y).view(rows, n, h, d).transpose(1, 2)
                values[number, :, :, at : at + n] = b.attention.value(y).view(rows, n, h, d).transpose(1, 2)
                s = torch.einsum("bhqd,bhkd->bhqk", q, keys[number, :, :, : at + n]) / d**0.5
                late = torch.arange(at + n)[None] > torch.arange(at, at + n)[:, None]
                w = s.masked_fill(late, float("-inf")).softmax(-1)
                x = x + b.attention.output((w @ values[number, :, :, : at + n]).transpose(1, 2).reshape(rows, n, h * d))
                x = x + b.feed_forward(b.norm2(x))
            at += n
            tokens = torch.hstack([tokens, model.head(model.norm(x[:, -1:])).argmax(-1)])
    return tokens
