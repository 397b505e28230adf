"""Word embeddings: from words to ids, from ids to vectors that training makes meaningful, and what one reads off them.

The handout is `embeddings.md`. Two trainings stand here: telling valid n-grams from broken ones (Collobert and Weston,
"A Unified Architecture for Natural Language Processing", 2008) and skip-gram with negative sampling (Mikolov et al.,
"Distributed Representations of Words and Phrases and their Compositionality", 2013).

Letters in shapes: N words of a text, V words of a vocabulary, B batch, n words of a window, E size of an embedding, K
negatives, M pairs. Ids are int64, everything else is float32.
"""

from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn import functional

UNKNOWN = "<unk>"


def build_vocab(tokens: list[str], min_count: int = 1) -> dict[str, int]:
    """Which word has which id   (handout, exercise 1)

    `"<unk>"` is 0. The other words follow by falling count; of equally frequent ones, the first in the alphabet (by
    code point, so capitals come before small letters). A word that occurs less than `min_count` times is left out. A
    literal `<unk>` among the tokens is not counted.
    """
    # BEGIN SOLUTION: count, leave out the rare ones, sort by two things at once, number from 1
    counts = Counter(token for token in tokens if token != UNKNOWN)
    frequent = [word for word in counts if counts[word] >= min_count]
    ordered = sorted(frequent, key=lambda word: (-counts[word], word))
    return {word: index for index, word in enumerate([UNKNOWN, *ordered])}
    # END SOLUTION


def encode(tokens: list[str], vocab: dict[str, int]) -> Tensor:
    """The ids of the tokens, (N,), int64; a word that `vocab` does not know gets 0   (handout, exercise 2)"""
    # BEGIN SOLUTION: look each word up
    return torch.tensor([vocab.get(token, 0) for token in tokens], dtype=torch.int64)
    # END SOLUTION


def ngrams(ids: Tensor, n: int = 5) -> Tensor:
    """Every run of n neighbouring ids   (handout, exercise 3)

    ids (N,). Returns (N - n + 1, n), int64: row t is ids[t], ..., ids[t + n - 1]. With fewer than n ids there is no
    run, and the result has shape (0, n). ValueError if n < 1.
    """
    # BEGIN SOLUTION: where does each run start, and which places does it take up?
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    starts = torch.arange(max(len(ids) - n + 1, 0))
    return ids[starts[:, None] + torch.arange(n)]
    # END SOLUTION


def corrupt(windows: Tensor, vocab_size: int, generator: torch.Generator | None) -> Tensor:
    """A broken twin of each window: its centre is replaced by a word that is not there   (handout, exercise 4)

    windows (B, n). Returns (B, n), int64: at index n // 2 stands a different id, each of the other `vocab_size - 1`
    with the same probability, drawn anew for each window. All randomness comes from `generator` (None: torch's global
    one). `windows` is left as it was.
    """
    # BEGIN SOLUTION: on a copy; how far may you go from an id, round the circle of all ids, without coming back to it?
    centre = windows.shape[1] // 2
    steps = torch.randint(1, vocab_size, (len(windows),), generator=generator)
    broken = windows.clone()
    broken[:, centre] = (windows[:, centre] + steps) % vocab_size
    return broken
    # END SOLUTION


class NgramScorer(nn.Module):
    """How valid is this window? A number, the higher the better   (Collobert and Weston 2008; handout, exercise 5)

    score = output(tanh(hidden(e_1, ..., e_n))), where (e_1, ..., e_n) are the embeddings of the words, side by side.

    The layers are `embedding` (nn.Embedding, V x E), `hidden` (Linear n * E -> hidden_dim) and `output` (Linear
    hidden_dim -> 1), with biases.
    """

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int, n: int = 5) -> None:
        super().__init__()
        # BEGIN SOLUTION: three layers, by the names above
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.hidden = nn.Linear(n * embedding_dim, hidden_dim)
        self.output = nn.Linear(hidden_dim, 1)
        # END SOLUTION

    def forward(self, windows: Tensor) -> Tensor:
        """windows (B, n), ids. Returns the scores (B,)."""
        # BEGIN SOLUTION: look up, put side by side, hidden layer, tanh, output; which dimension is left over?
        side_by_side = self.embedding(windows).flatten(start_dim=1)
        return self.output(torch.tanh(self.hidden(side_by_side))).squeeze(-1)
        # END SOLUTION


def ranking_loss(valid: Tensor, broken: Tensor, margin: float = 1.0) -> Tensor:
    """Mean over the pairs of max(0, margin - valid + broken)   (Collobert and Weston 2008; handout, exercise 6)

    valid (B,), the scores of windows; broken (B,), those of their broken twins. Returns a scalar.
    """
    # BEGIN SOLUTION: which pairs are far enough apart to cost nothing?
    return torch.relu(margin - valid + broken).mean()
    # END SOLUTION


def skipgram_pairs(ids: Tensor, window: int) -> Tensor:
    """Every (centre, context) of a text   (Mikolov et al. 2013, section 2; handout, exercise 7)

    ids (N,). Returns (M, 2), int64: for each position, all *other positions* that are at most `window` away on either
    side, also where the same word stands there. Ordered by the centre's position, then by that of the context. Fewer
    than 2 ids give shape (0, 2).
    """
    # BEGIN SOLUTION: two loops over positions; where do the edges of the text cut the window?
    words = ids.tolist()
    pairs = [
        (words[centre], words[context])
        for centre in range(len(words))
        for context in range(max(0, centre - window), min(len(words), centre + window + 1))
        if context != centre
    ]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    # END SOLUTION


def negative_sampling_loss(center: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """Mean over the batch of -log sigma(c . o) - sum_k log sigma(-c . n_k)   (Mikolov et al. 2013, eq. 4; exercise 8)

    center (B, E), context (B, E), negatives (B, K, E), vectors. Returns a scalar, finite also for products of +-1000.
    """
    # BEGIN SOLUTION: products first; then the library's own log of sigma, which does not overflow
    true_pairs = (center * context).sum(dim=-1)
    false_pairs = (center[:, None] * negatives).sum(dim=-1)
    return -(functional.logsigmoid(true_pairs) + functional.logsigmoid(-false_pairs).sum(dim=-1)).mean()
    # END SOLUTION


def cosine_similarity(vector: Tensor, matrix: Tensor) -> Tensor:
    """cos(v, m) = v . m / (|v| |m|), for every row m of the matrix   (handout, exercise 9)

    vector (E,), matrix (V, E). Returns (V,). Where the vector or a row is all zeros the result is 0, never nan.
    """
    # BEGIN SOLUTION: products, divided by lengths; which divisor is harmless where a length is 0?
    lengths = vector.norm() * matrix.norm(dim=1)
    return (matrix @ vector) / torch.where(lengths > 0, lengths, 1.0)
    # END SOLUTION


def most_similar(word: str, vocab: dict[str, int], vectors: Tensor, k: int = 5) -> list[str]:
    """The k words whose vectors point most nearly where the word's does   (handout, exercise 10)

    vectors (V, E): the row `vocab[word]` belongs to the word. Returns a list, the nearest first by `cosine_similarity`,
    without `word` itself and without `<unk>`; shorter than k if there are not so many. The order of ties is free.
    KeyError if `vocab` does not know the word.
    """
    # BEGIN SOLUTION: leave out before you sort, and cut after it
    similarity = cosine_similarity(vectors[vocab[word]], vectors).tolist()
    others = [other for other in vocab if other not in (word, UNKNOWN)]
    return sorted(others, key=lambda other: similarity[vocab[other]], reverse=True)[:k]
    # END SOLUTION


def analogy(a: str, b: str, c: str, vocab: dict[str, int], vectors: Tensor) -> str:
    """The word d for which a : b is as c : d   (Mikolov et al. 2013, section 3; handout, exercise 11)

    It is the word whose vector has the largest cosine with b - a + c, made of the vectors as they are (not normalised).
    It is never a, b, c or `<unk>`. KeyError if `vocab` does not know one of the three words.
    """
    # BEGIN SOLUTION: one target, one similarity each, the best of those that are allowed
    target = vectors[vocab[b]] - vectors[vocab[a]] + vectors[vocab[c]]
    similarity = cosine_similarity(target, vectors).tolist()
    others = [word for word in vocab if word not in (a, b, c, UNKNOWN)]
    return max(others, key=lambda word: similarity[vocab[word]])
    # END SOLUTION
