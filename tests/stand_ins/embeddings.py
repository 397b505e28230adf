"""What `embeddings` computes, by the library's own functions.

Code that builds on an exercise which is not solved yet is tried once more on these. They go a long way round where
there is one, and are of no use as answers.
"""

import itertools
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn import functional


def build_vocab(tokens: list[str], min_count: int = 1) -> dict[str, int]:
    """dict of str to int; "<unk>" is 0."""
    counts = Counter(sorted(tokens))
    counts.pop("<unk>", None)
    kept = itertools.takewhile(lambda pair: pair[1] >= min_count, counts.most_common())  # ties stay in order
    return dict(zip(["<unk>", *(word for word, _ in kept)], itertools.count(), strict=False))


def encode(tokens: list[str], vocab: dict[str, int]) -> Tensor:
    """(N,) ids."""
    return torch.as_tensor(list(map(vocab.get, tokens, itertools.repeat(0))), dtype=torch.long)


def ngrams(ids: Tensor, n: int = 5) -> Tensor:
    """(N - n + 1, n), or (0, n)."""
    if n < 1:
        raise ValueError("n must be positive")
    return ids.unfold(0, n, 1) if ids.numel() >= n else ids.new_empty(0, n)


def corrupt(windows: Tensor, vocab_size: int, generator: torch.Generator | None) -> Tensor:
    """(B, n), with another id in the centre."""
    centre = windows[:, windows.shape[1] // 2 : windows.shape[1] // 2 + 1]
    chances = torch.ones(len(windows), vocab_size).scatter(1, centre, 0.0)
    return windows.index_copy(1, torch.tensor([windows.shape[1] // 2]), chances.multinomial(1, generator=generator))


class NgramScorer(nn.Module):
    """(B, n) to (B,), with the layers `embedding`, `hidden` and `output`."""

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int, n: int = 5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.hidden = nn.Linear(n * embedding_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, 1)

    def forward(self, windows: Tensor) -> Tensor:
        layers = nn.Sequential(self.embedding, nn.Flatten(), self.hidden, nn.Tanh(), self.output, nn.Flatten(0))
        return layers(windows)


def ranking_loss(valid: Tensor, broken: Tensor, margin: float = 1.0) -> Tensor:
    """Scalar."""
    return functional.margin_ranking_loss(valid, broken, torch.ones_like(valid), margin=margin)


def skipgram_pairs(ids: Tensor, window: int) -> Tensor:
    """(M, 2), or (0, 2)."""
    near = (
        torch.ones(len(ids), len(ids)).tril(window).triu(-window).fill_diagonal_(0) if len(ids) else torch.zeros(0, 0)
    )
    return ids[near.nonzero()]


def negative_sampling_loss(center: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """Scalar."""
    scores = torch.bmm(torch.cat([context[:, None], negatives], dim=1), center[:, :, None]).squeeze(-1)
    truth = functional.one_hot(torch.zeros(len(scores), dtype=torch.long), scores.shape[1]).to(scores.dtype)
    return functional.binary_cross_entropy_with_logits(scores, truth, reduction="sum") / len(scores)


def cosine_similarity(vector: Tensor, matrix: Tensor) -> Tensor:
    """(V,)."""
    return functional.cosine_similarity(matrix, vector.unsqueeze(0), dim=1)


def most_similar(word: str, vocab: dict[str, int], vectors: Tensor, k: int = 5) -> list[str]:
    """The k nearest words."""
    order = cosine_similarity(vectors[vocab[word]], vectors).argsort(descending=True).tolist()
    words = dict(zip(vocab.values(), vocab.keys(), strict=True))
    kept = (words[place] for place in order if place in words and words[place] not in {word, "<unk>"})
    return list(itertools.islice(kept, k))


def analogy(a: str, b: str, c: str, vocab: dict[str, int], vectors: Tensor) -> str:
    """The word d."""
    first, second, third = (vectors[vocab[word]] for word in (a, b, c))
    similarity = cosine_similarity(second - first + third, vectors).clone()
    similarity[[vocab[word] for word in (a, b, c, "<unk>")]] = -torch.inf
    return dict(zip(vocab.values(), vocab.keys(), strict=True))[int(similarity.argmax())]
