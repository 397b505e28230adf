"""Right, with double precision inside, hooks of no use, other first weights, and draws by sorting."""

import copy
from dataclasses import dataclass

import attention
import numpy as np
import torch
from torch import nn


@dataclass
class GPTConfig:
    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_heads: int

    def __post_init__(self):
        self.head_size = self.d_model // self.num_heads


def gelu(x):
    y = x.double()
    z = np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)
    return (y * (1 - 1 / (torch.exp(2 * z.clamp(max=300)) + 1))).to(x.dtype)


class LayerNorm(nn.Module):
    def __init__(self, d_model, epsilon=1e-5):
        super().__init__()
        self.epsilon = np.float64(epsilon)
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        y = x.double()
        y = y - y.mean(-1, keepdim=True)
        y = y / (y.var(-1, unbiased=False, keepdim=True) + self.epsilon).sqrt()
        return (y * self.weight + self.bias).to(x.dtype)


class FeedForward(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.down = nn.Linear(4 * d_model, d_model)
        self.up = nn.Linear(d_model, 4 * d_model)
        nn.init.orthogonal_(self.up.weight)
        nn.init.kaiming_normal_(self.down.weight)

    @property
    def activation(self):
        return gelu

    def forward(self, x):
        for step in (self.up, self.activation, self.down):
            x = step(x)
        return x


class _Residual(nn.Module):
    """x + part(norm(x)), without parameters of its own."""

    def forward(self, x, norm, part, *rest):
        return torch.stack((x, part(norm(x), *rest))).sum(0)


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.norm1, self.norm2 = LayerNorm(d_model), LayerNorm(d_model)
        self.attention = attention.MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model)
        self.residual = _Residual()

    def forward(self, x):
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        x = self.residual(x, self.norm1, self.attention, ~future)
        return self.residual(x, self.norm2, self.feed_forward)


class _TiedOutput(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, x):
        return nn.functional.linear(x, self.embedding.weight)


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = copy.copy(config)
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        block = DecoderBlock(config.d_model, config.num_heads)
        self.blocks = nn.ModuleList(copy.deepcopy(block) for _ in range(config.num_layers))
        self.norm = LayerNorm(config.d_model)
        self.output = _TiedOutput(self.token_embedding)

    def forward(self, tokens):
        length = tokens.shape[1]
        if length > len(self.position_embedding.weight):
            raise ValueError(f"tokens.shape is {tuple(tokens.shape)}")
        x = self.token_embedding(tokens.contiguous()) + self.position_embedding.weight[None, :length]
        for block in self.blocks:
            x = block(x)
        return self.output(self.norm(x))


def _fits(model, other):
    mine, theirs = model.config, other.config
    ours = [mine.vocab_size, mine.context_length, mine.d_model, mine.num_layers, mine.num_heads]
    return ours == [theirs.vocab_size, theirs.max_position_embeddings, theirs.n_embd, theirs.n_layer, theirs.n_head]


def load_gpt2_weights(model, hugging_face_model):
    if not _fits(model, hugging_face_model):
        raise ValueError("the sizes of hugging_face_model are not those of model")
    source = copy.deepcopy(hugging_face_model).transformer
    epsilon = hugging_face_model.config.layer_norm_epsilon
    model.token_embedding.weight = nn.Parameter(source.wte.weight.detach())
    model.position_embedding.weight = nn.Parameter(source.wpe.weight.detach())
    for mine, theirs in [(model, source), *zip(model.blocks, source.h, strict=True)]:
        for here, there in (("norm", "ln_f"), ("norm1", "ln_1"), ("norm2", "ln_2")):
            if hasattr(mine, here):
                norm = LayerNorm(model.config.d_model, epsilon)
                norm.weight, norm.bias = getattr(theirs, there).weight, getattr(theirs, there).bias
                setattr(mine, here, norm)
    for block, theirs in zip(model.blocks, source.h, strict=True):
        fused = theirs.attn.c_attn
        for index, name in enumerate(("query", "key", "value")):
            rows = slice(index * model.config.d_model, (index + 1) * model.config.d_model)
            getattr(block.attention, name).weight.data.copy_(fused.weight.data.T[rows])
            getattr(block.attention, name).bias.data.copy_(fused.bias.data[rows])
        for layer, conv in (
            (block.attention.output, theirs.attn.c_proj),
            (block.feed_forward.up, theirs.mlp.c_fc),
            (block.feed_forward.down, theirs.mlp.c_proj),
        ):
            layer.weight.data = conv.weight.data.T
            layer.bias.data = conv.bias.data
    return model


def greedy_decode(model, tokens, max_new_tokens):
    if max_new_tokens == 0:
        return tokens
    with torch.no_grad():
        logits = model(tokens[:, -model.config.context_length :])
    best = logits[:, -1].sort(dim=-1, descending=True).indices[:, :1]
    return greedy_decode(model, torch.cat([tokens, best], 1), max_new_tokens - 1)


def top_k_filter(logits, k):
    if k < 1:
        raise ValueError("k: " + str(k))
    higher = (logits[..., None, :] > logits[..., :, None]).sum(-1)  # how many are higher than each
    return logits.masked_fill(higher >= k, float("-inf"))


def top_p_filter(logits, p):
    if not (p >= 0 and p <= 1):
        raise ValueError("p: " + str(p))
    if p == 1:
        return logits.clone()
    shares, order = torch.softmax(logits.double(), -1).sort(-1, descending=True)
    count = (shares.cumsum(-1) < p).sum(-1, keepdim=True).add(1).clamp(max=logits.shape[-1])
    rank = order.argsort(-1)
    return torch.where(rank < count, logits, torch.full_like(logits, float("-inf")))


def sample(model, tokens, max_new_tokens, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature < 0:
        raise ValueError("temperature < 0")
    if temperature == 0:
        temperature, top_k = 1.0, 1
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = model(tokens[:, -model.config.context_length :])[:, -1] / temperature
        if top_k is not None:
            logits = top_k_filter(logits, top_k)
        if top_p is not None:
            logits = top_p_filter(logits, top_p)
        edges = torch.softmax(logits.double(), -1).cumsum(-1)
        points = torch.rand(len(tokens), 1, generator=generator, dtype=torch.float64) * edges[:, -1:]
        drawn = torch.searchsorted(edges, points, right=True)
        tokens = torch.cat([tokens, drawn], 1)
    return tokens


class _CachedAttention(nn.Module):
    """Stands beside a block's attention and keeps what it has seen."""

    def __init__(self, inner, heads):
        super().__init__()
        self.inner, self.heads = inner, heads
        self.key = self.value = None

    def forward(self, x):
        query, key, value = (
            attention.split_heads(layer(x), self.heads)
            for layer in (self.inner.query, self.inner.key, self.inner.value)
        )
        self.key = key if self.key is None else torch.cat([self.key, key], 2)
        self.value = value if self.value is None else torch.cat([self.value, value], 2)
        mask = torch.ones(self.key.shape[2], self.key.shape[2], dtype=torch.bool).tril()[-x.shape[1] :]
        mixed, _ = attention.scaled_dot_product_attention(query, self.key, self.value, mask)
        return self.inner.output(attention.merge_heads(mixed))


@torch.no_grad()
def generate_with_cache(model, tokens, max_new_tokens):
    limit = model.config.context_length
    while max_new_tokens > 0:
        caches = [_CachedAttention(block.attention, model.config.num_heads) for block in model.blocks]
        given, seen = tokens[:, -limit:], 0
        while max_new_tokens > 0 and seen + given.shape[1] <= limit:
            x = model.token_embedding(given) + model.position_embedding.weight[seen : seen + given.shape[1]]
            for block, cache in zip(model.blocks, caches, strict=True):
                x = x + cache(block.norm1(x))
                x = x + block.feed_forward(block.norm2(x))
            seen += given.shape[1]
            given = (model.norm(x[:, -1]) @ model.token_embedding.weight.T).argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, given], 1)
            max_new_tokens -= 1
    return tokens
