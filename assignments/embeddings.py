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
    # TODO: count, leave out the rare ones, sort by two things at once, number from 1
    raise NotImplementedError


def encode(tokens: list[str], vocab: dict[str, int]) -> Tensor:
    """The ids of the tokens, (N,), int64; a word that `vocab` does not know gets 0   (handout, exercise 2)"""
    # TODO: look each word up
    raise NotImplementedError


def ngrams(ids: Tensor, n: int = 5) -> Tensor:
    """Every run of n neighbouring ids   (handout, exercise 3)

    ids (N,). Returns (N - n + 1, n), int64: row t is ids[t], ..., ids[t + n - 1]. With fewer than n ids there is no
    run, and the result has shape (0, n). ValueError if n < 1.
    """
    # TODO: where does each run start, and which places does it take up?
    raise NotImplementedError


def corrupt(windows: Tensor, vocab_size: int, generator: torch.Generator | None) -> Tensor:
    """A broken twin of each window: its centre is replaced by a word that is not there   (handout, exercise 4)

    windows (B, n). Returns (B, n), int64: at index n // 2 stands a different id, each of the other `vocab_size - 1`
    with the same probability, drawn anew for each window. All randomness comes from `generator` (None: torch's global
    one). `windows` is left as it was.
    """
    # TODO: on a copy; how far may you go from an id, round the circle of all ids, without coming back to it?
    raise NotImplementedError


class NgramScorer(nn.Module):
    """How valid is this window? A number, the higher the better   (Collobert and Weston 2008; handout, exercise 5)

    score = output(tanh(hidden(e_1, ..., e_n))), where (e_1, ..., e_n) are the embeddings of the words, side by side.

    The layers are `embedding` (nn.Embedding, V x E), `hidden` (Linear n * E -> hidden_dim) and `output` (Linear
    hidden_dim -> 1), with biases.
    """

    def __init__(self, vocab_size: int, embedding_dim: int, hidden_dim: int, n: int = 5) -> None:
        super().__init__()
        # TODO: three layers, by the names above
        raise NotImplementedError

    def forward(self, windows: Tensor) -> Tensor:
        """windows (B, n), ids. Returns the scores (B,)."""
        # TODO: look up, put side by side, hidden layer, tanh, output; which dimension is left over?
        raise NotImplementedError


def ranking_loss(valid: Tensor, broken: Tensor, margin: float = 1.0) -> Tensor:
    """Mean over the pairs of max(0, margin - valid + broken)   (Collobert and Weston 2008; handout, exercise 6)

    valid (B,), the scores of windows; broken (B,), those of their broken twins. Returns a scalar.
    """
    # TODO: which pairs are far enough apart to cost nothing?
    raise NotImplementedError


def skipgram_pairs(ids: Tensor, window: int) -> Tensor:
    """Every (centre, context) of a text   (Mikolov et al. 2013, section 2; handout, exercise 7)

    ids (N,). Returns (M, 2), int64: for each position, all *other positions* that are at most `window` away on either
    side, also where the same word stands there. Ordered by the centre's position, then by that of the context. Fewer
    than 2 ids give shape (0, 2).
    """
    # TODO: two loops over positions; where do the edges of the text cut the window?
    raise NotImplementedError


def negative_sampling_loss(center: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """Mean over the batch of -log sigma(c . o) - sum_k log sigma(-c . n_k)   (Mikolov et al. 2013, eq. 4; exercise 8)

    center (B, E), context (B, E), negatives (B, K, E), vectors. Returns a scalar, finite also for products of +-1000.
    """
    # TODO: products first; then the library's own log of sigma, which does not overflow
    raise NotImplementedError


def cosine_similarity(vector: Tensor, matrix: Tensor) -> Tensor:
    """cos(v, m) = v . m / (|v| |m|), for every row m of the matrix   (handout, exercise 9)

    vector (E,), matrix (V, E). Returns (V,). Where the vector or a row is all zeros the result is 0, never nan.
    """
    # TODO: products, divided by lengths; which divisor is harmless where a length is 0?
    raise NotImplementedError


def most_similar(word: str, vocab: dict[str, int], vectors: Tensor, k: int = 5) -> list[str]:
    """The k words whose vectors point most nearly where the word's does   (handout, exercise 10)

    vectors (V, E): the row `vocab[word]` belongs to the word. Returns a list, the nearest first by `cosine_similarity`,
    without `word` itself and without `<unk>`; shorter than k if there are not so many. The order of ties is free.
    KeyError if `vocab` does not know the word.
    """
    # TODO: leave out before you sort, and cut after it
    raise NotImplementedError


def analogy(a: str, b: str, c: str, vocab: dict[str, int], vectors: Tensor) -> str:
    """The word d for which a : b is as c : d   (Mikolov et al. 2013, section 3; handout, exercise 11)

    It is the word whose vector has the largest cosine with b - a + c, made of the vectors as they are (not normalised).
    It is never a, b, c or `<unk>`. KeyError if `vocab` does not know one of the three words.
    """
    # TODO: one target, one similarity each, the best of those that are allowed
    raise NotImplementedError
