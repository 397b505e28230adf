"""Right, with torch operations all through: views, multinomial draws, functional forms of the losses, topk."""

from collections import Counter

import torch
from torch import Tensor
from torch.nn import Embedding, Linear, Module, functional


def build_vocab(tokens: list[str], min_count: int = 1) -> dict[str, int]:
    counter = Counter(tokens)
    del counter["<unk>"]
    words = sorted(counter)  # alphabetical
    words.sort(key=counter.__getitem__, reverse=True)  # stable
    return {"<unk>": 0, **{word: i for i, word in enumerate((w for w in words if counter[w] >= min_count), 1)}}


def encode(tokens, vocab):
    ids = torch.LongTensor(len(tokens)).fill_(vocab["<unk>"])
    known = [place for place, token in enumerate(tokens) if token in vocab]
    ids[known] = torch.LongTensor([vocab[tokens[place]] for place in known])
    return ids


def ngrams(ids, n=5):
    if not n >= 1:
        raise ValueError(f"ngrams needs n >= 1, not {n}")
    if ids.shape[0] < n:
        return ids.new_zeros((0, n))
    return ids.unfold(dimension=0, size=n, step=1)


def corrupt(windows, vocab_size, generator):
    centre = windows.shape[1] // 2
    weights = torch.ones(windows.shape[0], vocab_size)
    weights[torch.arange(windows.shape[0]), windows[:, centre]] = 0
    new = torch.multinomial(weights, 1, generator=generator)
    return torch.cat([windows[:, :centre], new, windows[:, centre + 1 :]], dim=1)


class NgramScorer(Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n=5):
        super().__init__()
        self.output = Linear(hidden_dim, 1)
        self.hidden = Linear(embedding_dim * n, hidden_dim)
        self.embedding = Embedding(vocab_size, embedding_dim)
        torch.nn.init.normal_(self.embedding.weight, std=0.02)
        self.register_buffer("places", torch.arange(n))

    def forward(self, windows: Tensor) -> Tensor:
        e = functional.embedding(windows, self.embedding.weight)  # (B, n, E)
        weight = self.hidden.weight.unflatten(1, (len(self.places), -1))  # (hidden_dim, n, E)
        h = torch.einsum("bne,hne->bh", e, weight).add(self.hidden.bias).tanh()
        return (h * self.output.weight[0]).sum(-1) + self.output.bias


def ranking_loss(valid, broken, margin=1.0):
    target = torch.ones_like(valid)
    return functional.margin_ranking_loss(valid, broken, target, margin=margin)


def skipgram_pairs(ids, window):
    n = ids.numel()
    offsets = torch.cat([torch.arange(-window, 0), torch.arange(1, window + 1)])
    centre = torch.arange(n).repeat_interleave(2 * window)
    context = centre + offsets.repeat(n)
    there = (context >= 0) & (context < n)
    return torch.stack([ids[centre[there]], ids[context[there]]], dim=1)


def negative_sampling_loss(center, context, negatives):
    together = torch.cat([context.unsqueeze(1), negatives], dim=1)
    scores = (together @ center.unsqueeze(-1)).squeeze(-1)
    signs = scores.new_full((scores.shape[1],), -1.0)
    signs[0] = 1.0
    return functional.softplus(-signs * scores).sum(dim=1).mean()


def cosine_similarity(vector, matrix):
    return functional.cosine_similarity(vector[None, :], matrix)


def most_similar(word, vocab, vectors, k=5):
    if word not in vocab:
        raise KeyError(word)
    names = {index: name for name, index in vocab.items() if name not in ("<unk>", word)}
    candidates = torch.tensor(list(names), dtype=torch.int64)
    similarity = cosine_similarity(vectors[vocab[word]], vectors[candidates])
    best = similarity.topk(min(k, len(names))).indices
    return [names[index] for index in candidates[best].tolist()]


def analogy(a, b, c, vocab, vectors):
    question = [vocab[a], vocab[b], vocab[c]]
    target = torch.tensor([-1.0, 1.0, 1.0]) @ vectors[question]
    similarity = cosine_similarity(target, vectors)
    similarity = similarity.index_fill(0, torch.tensor([*question, vocab["<unk>"]]), -2.0)
    for word, index in vocab.items():
        if index == similarity.argmax().item():
            return word
    raise AssertionError("no such word")
