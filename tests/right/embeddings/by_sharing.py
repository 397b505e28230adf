"""Right, with as few steps as can be: products of the whole batch at once, shuffled draws, epsilons, autograd's own."""

import heapq
import itertools

import torch
from torch import nn
from torch.nn.functional import logsigmoid, normalize

UNK = "<unk>"


def build_vocab(tokens, min_count=1):
    ordered = sorted(token for token in tokens if token != UNK)
    runs = [(word, sum(1 for _ in group)) for word, group in itertools.groupby(ordered)]
    runs = sorted(((-count, word) for word, count in runs if count >= min_count))
    words = [UNK] + [word for _, word in runs]
    return dict(zip(words, range(len(words)), strict=True))


def encode(tokens, vocab):
    lookup = {UNK: 0, **vocab}
    return torch.as_tensor([int(lookup.get(t, lookup[UNK])) for t in tokens], dtype=torch.int64)


def ngrams(ids, n=5):
    if n < 1:
        raise ValueError("n < 1")
    runs = max(ids.shape[0] - n + 1, 0)
    columns = [ids[place : place + runs] for place in range(n)]
    return torch.stack(columns, dim=1)


def corrupt(windows, vocab_size, generator):
    result = windows.contiguous().clone()
    middle = result.shape[1] // 2
    order = torch.rand(len(result), vocab_size, generator=generator).argsort(dim=1)
    first, second = order[:, 0], order[:, 1]
    result[:, middle] = torch.where(first == result[:, middle], second, first)
    return result


class _Joined(nn.Embedding):
    """An embedding that puts the vectors of a window side by side."""

    def reset_parameters(self):
        nn.init.orthogonal_(self.weight)

    def forward(self, windows):
        vectors = super().forward(windows)
        return vectors.contiguous().view(vectors.shape[0], -1)


class NgramScorer(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n=5):
        super().__init__()
        self.embedding = _Joined(vocab_size, embedding_dim)
        self.hidden = nn.Linear(embedding_dim * n, hidden_dim, bias=True)
        self.output = nn.Linear(hidden_dim, 1, bias=True)
        self.stack = nn.Sequential(self.embedding, self.hidden, nn.Tanh(), self.output)

    def forward(self, windows):
        return self.stack(windows)[:, 0]


def ranking_loss(valid, broken, margin=1.0):
    lack = margin + broken - valid
    return torch.mean(torch.where(lack > 0, lack, torch.zeros_like(lack)))


def skipgram_pairs(ids, window):
    pieces = []
    for place in range(len(ids)):
        left, right = ids[max(place - window, 0) : place], ids[place + 1 : place + 1 + window]
        context = torch.cat([left, right])
        pieces.append(torch.stack([ids[place].expand(len(context)), context], dim=1))
    return torch.cat(pieces) if pieces else ids.reshape(0, 1).expand(0, 2)


def negative_sampling_loss(center, context, negatives):
    batch = center.shape[0]
    good = torch.sum(center * context, dim=1)
    bad = torch.bmm(negatives, center.unsqueeze(2)).flatten()
    return -(logsigmoid(good).sum() + logsigmoid(bad.neg()).sum()) / batch


def cosine_similarity(vector, matrix):
    return (matrix * vector).sum(dim=-1) / (matrix.norm(dim=-1) * vector.norm() + 1e-8)


def most_similar(word, vocab, vectors, k=5):
    units = normalize(vectors, dim=-1)
    scores = (units @ units[vocab[word]]).tolist()
    ranked = heapq.nlargest(k + 2, vocab, key=lambda other: (other not in (word, UNK), scores[vocab[other]]))
    return [other for other in ranked if other not in (word, UNK)][:k]


def analogy(a, b, c, vocab, vectors):
    va, vb, vc = vectors[[vocab[word] for word in (a, b, c)]]
    scores = cosine_similarity(vb - va + vc, vectors)
    ranked = scores.argsort(descending=True).tolist()
    names = sorted(vocab, key=vocab.get)
    return next(names[place] for place in ranked if names[place] not in (a, b, c, UNK))
