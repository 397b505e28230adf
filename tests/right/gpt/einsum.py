"""Right, with einsum and one-hot vectors, moments instead of distances, and keys and values in buffers."""

from dataclasses import dataclass, field

import torch
from attention import MultiHeadAttention, causal_mask, softmax
from torch import einsum
from torch.nn import Linear, Module, ModuleList, Parameter, init
from torch.nn.functional import linear, one_hot


@dataclass
class GPTConfig:
    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_heads: int
    notes: list = field(default_factory=list)


ROOT = (2 / torch.pi) ** 0.5


def gelu(x):
    z = ROOT * x * (1 + 0.044715 * x.square())
    return torch.lerp(torch.zeros_like(x), x, torch.tanh(z).add(1).div(2))


class LayerNorm(Module):
    def __init__(self, d_model, epsilon=1e-5):
        super().__init__()
        self.weight = Parameter(torch.full((d_model,), 1.0))
        self.bias = Parameter(torch.full((d_model,), 0.0))
        self.epsilon = epsilon

    def forward(self, x):
        first = x.mean(-1, keepdim=True)
        second = x.square().mean(-1, keepdim=True)
        deviation = ((second - first.square()).clamp(min=0) + self.epsilon).sqrt()
        return (x - first).div(deviation).mul(self.weight).add(self.bias)


class FeedForward(Module):
    def __init__(self, d_model):
        super().__init__()
        self.up, self.down = Linear(d_model, d_model * 4), Linear(d_model * 4, d_model)

    def forward(self, x):
        wide = gelu(einsum("...d,wd->...w", x, self.up.weight) + self.up.bias)
        return einsum("...w,dw->...d", wide, self.down.weight) + self.down.bias


class DecoderBlock(Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.feed_forward = FeedForward(d_model)
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm2 = LayerNorm(d_model)
        self.norm1 = LayerNorm(d_model)

    def forward(self, x):
        length = x.size(1)
        mask = causal_mask(length).expand(x.size(0), 1, length, length)
        gathered = x.clone()
        gathered += self.attention(self.norm1(x), mask=mask)
        thought = self.feed_forward(self.norm2(gathered))
        return (gathered.mT + thought.mT).mT  # not contiguous


class _Table(Module):
    """An embedding by products with one-hot vectors."""

    def __init__(self, size, d_model):
        super().__init__()
        self.weight = Parameter(torch.empty(size, d_model))
        init.xavier_normal_(self.weight)

    def forward(self, ids):
        return one_hot(ids, self.weight.size(0)).to(self.weight.dtype) @ self.weight


class GPT(Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.norm = LayerNorm(config.d_model)
        self.blocks = ModuleList([DecoderBlock(config.d_model, config.num_heads) for _ in range(config.num_layers)])
        self.position_embedding = _Table(config.context_length, config.d_model)
        self.token_embedding = _Table(config.vocab_size, config.d_model)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(self, tokens):
        if tokens.size(-1) > self.config.context_length:
            raise ValueError("tokens do not fit into the context")
        x = self.token_embedding(tokens)
        x = x + self.position_embedding.weight[: tokens.size(-1)].expand_as(x)
        for block in self.blocks:
            x = block(x)
        return einsum("vd,btd->vbt", self.token_embedding.weight, self.norm(x)).permute(1, 2, 0)


def load_gpt2_weights(model, hugging_face_model):
    if model.config.num_heads != hugging_face_model.config.n_head:
        raise ValueError("model: the number of heads")
    theirs = dict(hugging_face_model.named_parameters())
    pairs = []
    for name, parameter in model.named_parameters():
        name = name.replace("blocks", "h").replace("norm1", "ln_1").replace("norm2", "ln_2")  # noqa: PLW2901
        name = "ln_f" + name[4:] if name.startswith("norm") else name  # noqa: PLW2901
        for mine, other in (
            ("token_embedding", "wte"),
            ("position_embedding", "wpe"),
            ("feed_forward.up", "mlp.c_fc"),
            ("feed_forward.down", "mlp.c_proj"),
            ("attention.output", "attn.c_proj"),
        ):
            name = name.replace(mine, other)  # noqa: PLW2901
        part = next((i for i, each in enumerate(("query", "key", "value")) if f"attention.{each}" in name), None)
        if part is not None:
            name = name.replace("attention." + ("query", "key", "value")[part], "attn.c_attn")  # noqa: PLW2901
        source = theirs.pop("transformer." + name, None) if part in (None, 2) else theirs.get("transformer." + name)
        if source is None:
            raise ValueError(f"hugging_face_model has no {name}")
        source = source.detach()
        if part is not None:
            source = source.unflatten(-1, (3, -1)).select(-2, part)
        if ("attn" in name or "mlp" in name) and source.dim() == 2:
            source = source.permute(1, 0)
        if source.shape != parameter.shape:
            raise ValueError(f"model: {name} has shape {tuple(source.shape)}")
        pairs.append((parameter, source))
    if any(name.startswith("transformer.") for name in theirs):
        raise ValueError("hugging_face_model has more layers than model")
    for parameter, source in pairs:
        parameter.requires_grad_(False).copy_(source).requires_grad_(True)
    for module in model.modules():
        if isinstance(module, LayerNorm):
            module.epsilon = hugging_face_model.config.layer_norm_epsilon
    return model


def greedy_decode(model, tokens, max_new_tokens):
    start = tokens.size(1)
    result = tokens.new_zeros(tokens.size(0), start + max_new_tokens)
    result[:, :start] = tokens
    for end in range(start, start + max_new_tokens):
        first = max(0, end - model.config.context_length)
        result[:, end] = model(result[:, first:end]).detach()[:, -1].max(dim=-1).indices
    return result


def top_k_filter(logits, k):
    if k <= 0:
        raise ValueError("k must be positive")
    if k >= logits.size(-1):
        return logits + 0
    limit = logits.sort(dim=-1).values.narrow(-1, logits.size(-1) - k, 1)
    return torch.where(logits < limit, float("-inf"), logits)


def top_p_filter(logits, p):
    if p < 0 or p > 1:
        raise ValueError("p must be a probability")
    probabilities = softmax(logits)
    # how much probability lies before each token: with what is greater, and of equals with those further left
    greater = probabilities[..., None, :] > probabilities[..., :, None]
    places = torch.arange(logits.size(-1))
    equal = (probabilities[..., None, :] == probabilities[..., :, None]) & (places[None, :] < places[:, None])
    before = (probabilities[..., None, :] * (greater | equal)).sum(-1)
    first = ~(greater | equal).any(-1)
    keep = (before < p) | first if p < 1 else torch.ones_like(first)
    return torch.where(keep, logits, float("-inf"))


def sample(model, tokens, max_new_tokens, temperature=1.0, top_k=None, top_p=None, generator=None):
    if temperature < 0:
        raise ValueError("temperature is negative")
    start = tokens.size(1)
    result = torch.cat([tokens, tokens.new_zeros(tokens.size(0), max_new_tokens)], dim=1)
    for end in range(start, start + max_new_tokens):
        logits = model(result[:, max(0, end - model.config.context_length) : end]).detach()[:, -1]
        if temperature > 0:
            logits = logits / temperature
            if top_k is not None:
                logits = top_k_filter(logits, top_k)
            if top_p is not None:
                logits = top_p_filter(logits, top_p)
            uniform = torch.rand(logits.shape, generator=generator).clamp(min=1e-12)
            logits = logits - torch.log(-torch.log(uniform))  # Gumbel's trick
        result[:, end] = logits.argmax(-1)
    return result


def generate_with_cache(model, tokens, max_new_tokens):
    config = model.config
    h, size, limit = config.num_heads, config.d_model // config.num_heads, config.context_length
    batch, start = tokens.shape
    inside = max(0, min(max_new_tokens, limit - start + 1))  # tokens that can be had with the cache
    keys = torch.zeros(config.num_layers, batch, h, limit, size)
    values = torch.zeros_like(keys)
    result, position = tokens, 0
    with torch.no_grad():
        for _ in range(inside):
            new = result[:, position:]
            x = model.token_embedding(new) + model.position_embedding.weight[position : result.size(1)]
            for number, block in enumerate(model.blocks):
                normed, a = block.norm1(x), block.attention
                for buffer, layer in ((keys, a.key), (values, a.value)):
                    made = linear(normed, layer.weight, layer.bias).unflatten(-1, (h, size))
                    buffer[number, :, :, position : result.size(1)] = made.transpose(1, 2)
                query = linear(normed, a.query.weight, a.query.bias).unflatten(-1, (h, size))
                scores = einsum("bthd,bhsd->bhts", query, keys[number]) / size**0.5
                seen = torch.arange(limit) <= torch.arange(position, result.size(1))[:, None]
                weights = softmax(scores.masked_fill(~seen, float("-inf")))
                x = x + a.output(einsum("bhts,bhsd->bthd", weights, values[number]).flatten(2))
                x = x + block.feed_forward(block.norm2(x))
            position = result.size(1)
            best = einsum("bd,vd->bv", model.norm(x[:, -1]), model.token_embedding.weight).argmax(-1)
            result = torch.cat([result, best.unsqueeze(1)], dim=1)
    return greedy_decode(model, result, max_new_tokens - inside)
