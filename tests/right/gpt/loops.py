"""Right, with loops: a row, a token, a layer at a time; draws by walking along the cumulative probabilities."""

import math
from dataclasses import dataclass

import torch
from attention import MultiHeadAttention, causal_mask
from torch import nn


@dataclass
class GPTConfig:
    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_heads: int


def gelu(x):
    inner = x + 0.044715 * x * x * x
    return x * (1 + torch.tanh(inner * (2 / math.pi) ** 0.5)) / 2


class LayerNorm(nn.Module):
    def __init__(self, d_model, epsilon=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.d_model = d_model
        self.epsilon = epsilon

    def forward(self, x):
        mean = sum(x[..., i] for i in range(self.d_model)) / self.d_model
        variance = sum((x[..., i] - mean) ** 2 for i in range(self.d_model)) / self.d_model
        scale = (variance + self.epsilon) ** -0.5
        columns = [(x[..., i] - mean) * scale * self.weight[i] + self.bias[i] for i in range(self.d_model)]
        return torch.stack(columns, dim=-1)


class FeedForward(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)

    def forward(self, x):
        if x.dim() < 2:
            return self.down(gelu(self.up(x)))
        positions = [self.down(gelu(self.up(x[..., t, :]))) for t in range(x.shape[-2])]
        return torch.stack(positions, dim=-2)


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.norm1 = LayerNorm(d_model)
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm2 = LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model)

    def forward(self, x):
        results = []
        for half in x.chunk(2):
            added = half + self.attention(self.norm1(half), causal_mask(half.shape[1]))
            results.append(added + self.feed_forward(self.norm2(added)))
        return torch.cat(results)


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.blocks = nn.ModuleList()
        for _ in range(config.num_layers):
            self.blocks.append(DecoderBlock(config.d_model, config.num_heads))
        self.norm = LayerNorm(config.d_model)

    def forward(self, tokens):
        if tokens.shape[1] > self.config.context_length:
            raise ValueError(f"too many tokens: {tokens.shape[1]}")
        columns = []
        for t in range(tokens.shape[1]):
            columns.append(self.token_embedding(tokens[:, t]) + self.position_embedding.weight[t])
        x = torch.stack(columns, dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return torch.stack([(x * vector).sum(-1) for vector in self.token_embedding.weight], dim=-1)


def load_gpt2_weights(model, hugging_face_model):
    hf = hugging_face_model.config
    for mine, theirs in (
        ("vocab_size", "vocab_size"),
        ("context_length", "n_positions"),
        ("d_model", "n_embd"),
        ("num_layers", "n_layer"),
        ("num_heads", "n_head"),
    ):
        if getattr(model.config, mine) != getattr(hf, theirs):
            raise ValueError(f"model.config.{mine} is not hugging_face_model.config.{theirs}")

    def copy(target, source):
        target.data = source.detach().clone().contiguous()

    gpt2 = hugging_face_model.transformer
    copy(model.token_embedding.weight, gpt2.wte.weight)
    copy(model.position_embedding.weight, gpt2.wpe.weight)
    norms = {model.norm: gpt2.ln_f}
    size = hf.n_embd
    for i, block in enumerate(model.blocks):
        h = gpt2.h[i]
        norms[block.norm1], norms[block.norm2] = h.ln_1, h.ln_2
        for j, layer in enumerate((block.attention.query, block.attention.key, block.attention.value)):
            copy(layer.weight, h.attn.c_attn.weight[:, j * size : (j + 1) * size].t())
            copy(layer.bias, h.attn.c_attn.bias[j * size : (j + 1) * size])
        for layer, conv in (
            (block.attention.output, h.attn.c_proj),
            (block.feed_forward.up, h.mlp.c_fc),
            (block.feed_forward.down, h.mlp.c_proj),
        ):
            copy(layer.weight, conv.weight.t())
            copy(layer.bias, conv.bias)
    for norm, theirs in norms.items():
        copy(norm.weight, theirs.weight)
        copy(norm.bias, theirs.bias)
        norm.epsilon = hf.layer_norm_epsilon
    return model


def greedy_decode(model, tokens, max_new_tokens):
    rows = tokens.tolist()
    for _ in range(max_new_tokens):
        for row in rows:
            context = torch.tensor([row[-model.config.context_length :]])
            logits = model(context)[0][-1].tolist()
            row.append(max(range(len(logits)), key=logits.__getitem__))
    return torch.tensor(rows)


def top_k_filter(logits, k):
    if k < 1:
        raise ValueError(f"k = {k}")
    result = []
    for row in logits.reshape(-1, logits.shape[-1]):
        ranked = sorted(row.tolist(), reverse=True)
        limit = ranked[min(k, len(ranked)) - 1]
        result.append(torch.stack([x if x.item() >= limit else torch.tensor(-math.inf) for x in row]))
    return torch.stack(result).reshape(logits.shape)


def top_p_filter(logits, p):
    if p < 0 or p > 1:
        raise ValueError(f"p = {p}")
    result = []
    for row in logits.reshape(-1, logits.shape[-1]):
        shares = torch.softmax(row.detach().double(), dim=0).tolist()
        order = sorted(range(len(shares)), key=lambda i: (-shares[i], -i))
        kept, total = set(), 0.0
        for i in order:
            if total >= p and kept and p < 1:
                break
            kept.add(i)
            total += shares[i]
        result.append(torch.stack([x if i in kept else torch.tensor(-math.inf) for i, x in enumerate(row)]))
    return torch.stack(result).reshape(logits.shape)


def sample(model, tokens, max_new_tokens, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature < 0:
        raise ValueError("a negative temperature")
    if temperature == 0:
        return greedy_decode(model, tokens, max_new_tokens)
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = model(tokens[:, -model.config.context_length :])[:, -1, :] / temperature
        if top_k is not None:
            logits = top_k_filter(logits, top_k)
        if top_p is not None:
            logits = top_p_filter(logits, top_p)
        chosen = []
        for shares in torch.softmax(logits.double(), dim=-1).tolist():
            point = torch.rand((), generator=generator, dtype=torch.float64).item()
            last = None
            for i, share in enumerate(shares):
                if share > 0:
                    last = i
                    point -= share
                    if point < 0:
                        break
            chosen.append([last])
        tokens = torch.cat((tokens, torch.tensor(chosen)), dim=1)
    return tokens


class _Memory:
    """One sequence's keys and values in one block, head by head."""

    def __init__(self, heads):
        self.heads = heads
        self.keys, self.values = [], []

    def attend(self, attention, row):
        query, key, value = (
            layer(row).chunk(self.heads) for layer in (attention.query, attention.key, attention.value)
        )
        self.keys.append(key)
        self.values.append(value)
        parts = []
        for head in range(self.heads):
            keys = torch.stack([each[head] for each in self.keys])
            values = torch.stack([each[head] for each in self.values])
            weights = torch.softmax(keys @ query[head] / math.sqrt(len(query[head])), dim=0)
            parts.append(weights @ values)
        return attention.output(torch.cat(parts))


def generate_with_cache(model, tokens, max_new_tokens):
    limit, heads = model.config.context_length, model.config.num_heads
    results = []
    with torch.no_grad():
        for ids in tokens.tolist():
            memories, place = [], 0
            for _ in range(max_new_tokens):
                if not memories or place == limit:
                    memories, place = [_Memory(heads) for _ in model.blocks], 0
                    todo = ids[-limit:]
                else:
                    todo = ids[-1:]
                for id in todo:
                    x = model.token_embedding.weight[id] + model.position_embedding.weight[place]
                    for block, memory in zip(model.blocks, memories, strict=True):
                        x = x + memory.attend(block.attention, block.norm1(x))
                        x = x + block.feed_forward(block.norm2(x))
                    place += 1
                ids.append(int((model.token_embedding.weight @ model.norm(x)).argmax()))
            results.append(ids)
    return torch.tensor(results)
