"""Right, in the manner of nanoGPT: a tied output layer of its own name, buffers, a cache that the model takes along."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from attention import MultiHeadAttention, merge_heads, scaled_dot_product_attention, split_heads
from torch import nn


@dataclass(frozen=True)
class GPTConfig:
    vocab_size: int = 50257
    context_length: int = 1024
    d_model: int = 768
    num_layers: int = 12
    num_heads: int = 12
    dropout: float = 0.0
    init_std: float = 0.02


def gelu(x):
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3)))


class LayerNorm(nn.Module):
    def __init__(self, d_model, epsilon=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.register_buffer("epsilon", torch.tensor(float(epsilon)))

    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
        return torch.addcmul(self.bias, (x - mean) * torch.rsqrt(variance + self.epsilon), self.weight)


class FeedForward(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)
        self.drop = nn.Dropout(0.0)

    def forward(self, x):
        return self.drop(self.down(gelu(self.up(x))))


class DecoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, context_length=64):
        super().__init__()
        self.norm1 = LayerNorm(d_model)
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm2 = LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model)
        self.num_heads = num_heads
        self.register_buffer("mask", torch.tril(torch.ones(context_length, context_length)).bool()[None, None])

    def forward(self, x, past=None):
        normed = self.norm1(x)
        if past is None:
            length = x.size(1)
            x = x + self.attention(normed, self.mask[:, :, :length, :length])
        else:
            x = x + self._continue(normed, past)
        return x + self.feed_forward(self.norm2(x))

    def _continue(self, normed, past):
        a = self.attention
        q, k, v = (split_heads(layer(normed), self.num_heads) for layer in (a.query, a.key, a.value))
        past["k"] = torch.cat([past["k"], k], dim=-2) if "k" in past else k
        past["v"] = torch.cat([past["v"], v], dim=-2) if "v" in past else v
        total = past["k"].size(-2)
        mask = self.mask[:, :, total - normed.size(1) : total, :total]
        return a.output(merge_heads(scaled_dot_product_attention(q, past["k"], past["v"], mask)[0]))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.blocks = nn.ModuleList(
            [DecoderBlock(config.d_model, config.num_heads, config.context_length) for _ in range(config.num_layers)]
        )
        self.norm = LayerNorm(config.d_model)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.lm_head.weight = self.token_embedding.weight
        self.apply(self._init_weights)
        for name, parameter in self.named_parameters():
            if name.endswith(("output.weight", "down.weight")):
                nn.init.normal_(parameter, mean=0.0, std=config.init_std / math.sqrt(2 * config.num_layers))

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=self.config.init_std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, tokens, pasts=None):
        start = pasts[0]["k"].size(-2) if pasts and "k" in pasts[0] else 0
        t = tokens.size(1)
        if start + t > self.config.context_length:
            raise ValueError(f"Cannot forward a sequence of {t} tokens, context_length is {self.config.context_length}")
        x = self.token_embedding(tokens) + self.position_embedding(torch.arange(start, start + t, dtype=torch.long))
        for number, block in enumerate(self.blocks):
            x = block(x, None if pasts is None else pasts[number])
        return self.lm_head(self.norm(x))


def load_gpt2_weights(model, hugging_face_model):
    c, hc = model.config, hugging_face_model.config
    if c.num_heads != hc.num_attention_heads or c.num_layers != hc.num_hidden_layers:
        raise ValueError("model and hugging_face_model differ in layers or heads")
    names = {"wte": "token_embedding", "wpe": "position_embedding", "ln_f": "norm", "h": "blocks"}
    names |= {"ln_1": "norm1", "ln_2": "norm2", "attn": "attention", "mlp": "feed_forward", "c_fc": "up"}
    state = {}
    for name, tensor in hugging_face_model.state_dict().items():
        if not name.startswith("transformer.") or name.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        parts = [names.get(part, part) for part in name.split(".")[1:]]
        if "c_proj" in parts:
            parts[parts.index("c_proj")] = "output" if "attention" in parts else "down"
        value = tensor.mT if tensor.dim() == 2 and parts[0] == "blocks" else tensor
        if "c_attn" in parts:
            for part, piece in zip(("query", "key", "value"), value.split(hc.hidden_size, dim=0), strict=True):
                state[".".join(part if each == "c_attn" else each for each in parts)] = piece
        else:
            state[".".join(parts)] = value
    state["lm_head.weight"] = state["token_embedding.weight"]
    for name in model.state_dict():
        if name.endswith("epsilon"):
            state[name] = torch.tensor(hc.layer_norm_epsilon)
    try:
        model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f"hugging_face_model has other sizes: {error}") from error
    return model


@torch.inference_mode()
def greedy_decode(model, tokens, max_new_tokens):
    for _ in range(max_new_tokens):
        size = model.config.context_length
        idx_cond = tokens if tokens.size(1) <= size else tokens[:, -size:]
        _, idx_next = torch.topk(model(idx_cond)[:, -1, :], k=1, dim=-1)
        tokens = torch.cat((tokens, idx_next), dim=1)
    return tokens.clone()


def top_k_filter(logits, k):
    if k < 1:
        raise ValueError(f"k={k}: at least one has to be kept")
    v, _ = torch.topk(logits, min(k, logits.size(-1)))
    logits = logits.clone()
    logits[logits < v[..., [-1]]] = -float("Inf")
    return logits


def top_p_filter(logits, p):
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p={p} is no probability")
    if p == 1.0:
        return logits
    sorted_logits, sorted_indices = torch.sort(logits, descending=True)
    cumulative = torch.cumsum(F.softmax(sorted_logits, dim=-1), dim=-1)
    remove = cumulative >= p
    remove[..., 1:] = remove[..., :-1].clone()  # the one that crosses is kept
    remove[..., 0] = False
    return logits.masked_fill(torch.zeros_like(remove).scatter(-1, sorted_indices, remove), -float("Inf"))


@torch.no_grad()
def sample(model, tokens, max_new_tokens, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature < 0:
        raise ValueError(f"temperature={temperature}")
    for _ in range(max_new_tokens):
        logits = model(tokens[:, -model.config.context_length :])[:, -1, :]
        if temperature == 0:
            chosen = logits.argmax(-1)
        else:
            logits = logits / temperature
            logits = logits if top_k is None else top_k_filter(logits, top_k)
            logits = logits if top_p is None else top_p_filter(logits, top_p)
            noise = torch.empty_like(logits).exponential_(generator=generator)
            chosen = (F.softmax(logits, dim=-1) / noise).argmax(-1)  # the race of exponentials
        tokens = torch.hstack((tokens, chosen[:, None]))
    return tokens


@torch.no_grad()
def generate_with_cache(model, tokens, max_new_tokens):
    if max_new_tokens == 0:
        return tokens
    limit = model.config.context_length
    if tokens.size(1) > limit:
        return greedy_decode(model, tokens, max_new_tokens)
    pasts = [{} for _ in model.blocks]
    new = tokens
    for done in range(max_new_tokens):
        if tokens.size(1) > limit:
            return greedy_decode(model, tokens, max_new_tokens - done)
        new = model(new, pasts)[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat((tokens, new), dim=1)
    return tokens
