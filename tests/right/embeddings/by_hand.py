"""Right, one word, window and number at a time in Python; new ids are drawn again until they differ."""

import math

import torch
from torch import nn


def build_vocab(tokens, min_count=1):
    counts = {}
    for token in tokens:
        if token == "<unk>":
            continue
        counts[token] = counts.get(token, 0) + 1
    groups = {}
    for word, count in counts.items():
        groups.setdefault(count, []).append(word)
    vocab = {"<unk>": 0}
    for count in sorted(groups, reverse=True):
        if count >= min_count:
            for word in sorted(groups[count]):
                vocab[word] = len(vocab)
    return vocab


def encode(tokens, vocab):
    ids = torch.zeros(len(tokens), dtype=torch.long)
    for place, token in enumerate(tokens):
        if token in vocab:
            ids[place] = vocab[token]
    return ids


def ngrams(ids, n=5):
    if n < 1:
        raise ValueError("`n` should be 1 or more")
    runs = [ids[start : start + n] for start in range(len(ids) - n + 1)]
    return torch.stack(runs) if runs else torch.zeros(0, n, dtype=torch.long)


def corrupt(windows, vocab_size, generator):
    broken = torch.clone(windows)
    middle = windows.size(1) // 2
    for row in broken:
        old = new = row[middle].item()
        while new == old:
            new = torch.randint(vocab_size, (), generator=generator).item()
        row[middle] = new
    return broken


class NgramScorer(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n=5):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.hidden = nn.Linear(n * embedding_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, 1)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(self, windows):
        scores = []
        for window in windows:
            joined = torch.cat([self.embedding.weight[word] for word in window])
            scores.append(self.output(self.hidden(joined).tanh())[0])
        return torch.stack(scores)


def ranking_loss(valid, broken, margin=1.0):
    total = 0 * valid.sum() + 0 * broken.sum()
    for good, bad in zip(valid, broken, strict=True):
        missing = margin - (good - bad)
        if missing > 0:
            total = total + missing
    return total / len(valid)


def skipgram_pairs(ids, window):
    pairs = []
    for i in range(len(ids)):
        for j in range(len(ids)):
            if i != j and abs(i - j) <= window:
                pairs.append(torch.stack([ids[i], ids[j]]))
    if not pairs:
        return torch.empty((0, 2), dtype=torch.int64)
    return torch.stack(pairs)


def _log_sigma(x):
    """log(1 / (1 + e^-x)), without an overflow."""
    return torch.minimum(x, torch.zeros_like(x)) - torch.log1p(torch.exp(-x.abs()))


def negative_sampling_loss(center, context, negatives):
    losses = []
    for c, o, ns in zip(center, context, negatives, strict=True):
        loss = -_log_sigma(torch.dot(c, o))
        for n in ns:
            loss = loss - _log_sigma(-torch.dot(c, n))
        losses.append(loss)
    return torch.stack(losses).mean()


def cosine_similarity(vector, matrix):
    results = []
    for row in matrix:
        if not row.any() or not vector.any():
            results.append((row * vector).sum())  # 0
        else:
            results.append(torch.dot(row, vector) / (row.norm() * vector.norm()))
    return torch.stack(results)


def most_similar(word, vocab, vectors, k=5):
    own = vectors[vocab[word]]
    scored = []
    for other, place in vocab.items():
        if other not in (word, "<unk>"):
            scored.append((float(cosine_similarity(own, vectors[place : place + 1])), other))
    scored.sort(key=lambda pair: -pair[0])
    return [other for _, other in scored[:k]]


def analogy(a, b, c, vocab, vectors):
    if not {a, b, c} <= set(vocab):
        raise KeyError("one of the three words is not in the vocabulary")
    target = vectors[vocab[b]] + vectors[vocab[c]] - vectors[vocab[a]]
    best, best_score = None, -math.inf
    for word, place in vocab.items():
        if word in {a, b, c, "<unk>"}:
            continue
        score = cosine_similarity(target, vectors[place].unsqueeze(0)).item()
        if score > best_score:
            best, best_score = word, score
    return best
