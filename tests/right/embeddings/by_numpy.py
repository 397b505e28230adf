"""Right, with NumPy wherever no gradient is asked for; strides, sorted arrays, float64, NumPy's own scalars."""

import numpy as np
import torch
from torch import nn


class Vocab(dict):
    """A dict with its inverse beside it."""

    def word(self, index):
        return next(word for word, place in self.items() if place == index)


def build_vocab(tokens, min_count=1):
    words, counts = np.unique(np.array([t for t in tokens if t != "<unk>"], dtype=object), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= min_count]
    return Vocab({"<unk>": np.int64(0)} | {words[place]: np.int64(i) for i, place in enumerate(order, start=1)})


def encode(tokens, vocab):
    return torch.from_numpy(np.fromiter((vocab.get(t, 0) for t in tokens), dtype=np.int64, count=len(tokens)))


def ngrams(ids, n=5):
    if n <= 0:
        raise ValueError(f"{n=}")
    array = np.ascontiguousarray(ids.numpy())
    if array.size < n:
        return torch.from_numpy(np.empty((0, n), dtype=np.int64))
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(array, n).copy())


def corrupt(windows, vocab_size, generator):
    array = windows.numpy().copy()
    middle = array.shape[1] // 2
    draws = torch.rand(array.shape[0], dtype=torch.float64, generator=generator).numpy()
    new = np.floor(draws * (vocab_size - 1)).astype(np.int64)
    array[:, middle] = new + (new >= array[:, middle])
    return torch.from_numpy(array)


class NgramScorer(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, n=5):
        super().__init__()
        self.n = n
        layers = (
            nn.Embedding(vocab_size, embedding_dim),
            nn.Linear(n * embedding_dim, hidden_dim),
            nn.Linear(hidden_dim, 1),
        )
        self.layers = nn.ModuleList(layers)
        self.embedding, self.hidden, self.output = layers
        nn.init.xavier_normal_(self.hidden.weight)
        nn.init.zeros_(self.hidden.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, windows):
        columns = [self.embedding(windows[:, place]) for place in range(self.n)]
        return self.output(torch.tanh(self.hidden(torch.hstack(columns)))).reshape(len(windows))


def ranking_loss(valid, broken, margin=1.0):
    return torch.clamp(margin - (valid.double() - broken.double()), min=0).sum().div(valid.numel()).float()


def skipgram_pairs(ids, window):
    array = ids.numpy()
    if len(array) < 2:
        return torch.zeros((0, 2), dtype=torch.int64)
    place = np.arange(len(array))
    distance = np.abs(place[:, None] - place[None, :])
    centre, context = np.nonzero((distance <= window) & (distance > 0))
    return torch.from_numpy(np.stack([array[centre], array[context]], axis=1))


def negative_sampling_loss(center, context, negatives):
    true = torch.einsum("be,be->b", center.double(), context.double())
    false = torch.einsum("be,bke->bk", center.double(), negatives.double())
    zero = torch.zeros((), dtype=torch.float64)
    each = torch.logaddexp(zero, -true) + torch.logaddexp(zero, false).sum(1)
    return each.mean().float()


def cosine_similarity(vector, matrix):
    unit = vector / torch.linalg.vector_norm(vector).clamp(min=1e-12)
    rows = matrix / torch.linalg.vector_norm(matrix, dim=1, keepdim=True).clamp(min=1e-12)
    return torch.mv(rows, unit)


def most_similar(word, vocab, vectors, k=5):
    similarity = cosine_similarity(vectors[vocab[word]], vectors).numpy().astype(np.float64)
    similarity[[vocab[word], vocab["<unk>"]]] = -np.inf
    order = np.argsort(-similarity)
    word_of = {index: word for word, index in vocab.items()}
    return [np.str_(word_of[i]) for i in order[:k] if np.isfinite(similarity[i])]


def analogy(a, b, c, vocab, vectors):
    table = vectors.numpy().astype(np.float64)
    target = table[vocab[b]] - table[vocab[a]] + table[vocab[c]]
    lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(target)
    similarity = table @ target / np.where(lengths == 0, 1, lengths)
    words = sorted(set(vocab) - {a, b, c, "<unk>"}, key=lambda word: similarity[vocab[word]])
    return words[-1]
