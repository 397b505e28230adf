"""Vectors that are near to each other.

Words that are to be found lie so far apart that no rounding changes their order.
"""

import math
import random

import torch

from .shared import COSINE, GRADIENT, WORDS, _every_other, _shuffled, _vocab

# cosine_similarity


def _arrows(*shape):
    """Vectors in all directions, neither short nor long."""
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1) * (0.5 + 1.5 * torch.rand(*shape[:-1], 1))


def _cosines(vector, matrix):
    """By torch; 0 where a vector is zero."""
    return torch.cosine_similarity(vector[None], matrix, dim=1)


def test_cosine_similarity_of_one_row(student):
    """The product of two vectors, divided by the lengths of both."""
    vector, matrix = _arrows(4), _arrows(1, 4)
    student.expect_close(student.cosine_similarity(vector, matrix), _cosines(vector, matrix), COSINE)


def test_cosine_similarity_of_many_rows(student):
    """Every row of the matrix is compared with the vector, each with its own length."""
    for rows, size in ((7, 3), (5, 5), (6, 1)):
        vector, matrix = _arrows(size), _arrows(rows, size)
        want = _cosines(vector, matrix)
        student.expect_close(student.cosine_similarity(vector, matrix), want, COSINE)


def test_cosine_similarity_does_not_depend_on_length(student):
    """Long and short vectors give the same: only the direction counts, and the opposite one gives -1."""
    vector, matrix = _arrows(6), _arrows(5, 6)
    want = _cosines(vector, matrix)
    for long, high in ((0.01, 1.0), (1.0, 0.01), (1000.0, 1000.0)):
        # an epsilon of 1e-8 in the divisor, which is allowed, shifts a cosine of vectors this short by 1e-6
        student.expect_close(student.cosine_similarity(long * vector, high * matrix), want, atol=2e-5)
    both_short = student.cosine_similarity(0.01 * vector, 0.01 * matrix)  # the same epsilon shifts it by 1e-4
    student.expect_close(both_short, want, atol=1e-3)
    lengths = torch.tensor([3.0, -0.5, 1.0, -20.0])
    student.expect_close(student.cosine_similarity(vector, lengths[:, None] * vector), lengths.sign(), COSINE)


def test_cosine_similarity_gradient(student):
    """Gradients flow to the vector and to the matrix."""
    vector, matrix, cotangent = _arrows(4), _arrows(5, 4), torch.randn(5)
    got = student.cosine_similarity.vjp(vector, matrix, cotangent=cotangent, wrt=(0, 1))
    leaves = vector.requires_grad_(), matrix.requires_grad_()
    want = torch.autograd.grad(_cosines(*leaves), leaves, cotangent)
    for name, mine, theirs in zip(("vector", "matrix"), got, want, strict=True):
        student.expect_close(mine, theirs, atol=3 * GRADIENT, about=f"the gradient of {name}")


def test_cosine_similarity_of_zero_vectors(student):
    """A row of zeros gets 0 and the other rows what they always get; a vector of zeros gets 0 with every row."""
    vector, matrix = _arrows(4), _arrows(5, 4)
    matrix[[1, 4]] = 0.0
    got = student.expect_tensor(student.cosine_similarity(vector, matrix), shape=(5,))
    student.expect_equal(got[[1, 4]], torch.zeros(2), about="what rows of zeros get")
    student.expect_close(got, _cosines(vector, matrix), COSINE)
    student.expect_equal(student.cosine_similarity(torch.zeros(4), matrix), torch.zeros(5))


def test_cosine_similarity_leaves_its_arguments_alone(student):
    """Vector and matrix, contiguous or not, are afterwards what they were."""
    for vector, matrix in ((_arrows(3), _arrows(4, 3)), (_every_other(_arrows(3)), _arrows(3, 4).T)):
        got, after = student.cosine_similarity.after(vector, matrix)
        student.expect_close(got, _cosines(vector, matrix), COSINE)
        student.expect_equal(after[0], vector, about="vector after the call")
        student.expect_equal(after[1], matrix, about="matrix after the call")


# most_similar and analogy


def _map(rows, unknown):
    """(vocab, vectors) of words and their vectors, with ids in a random order; `unknown` is the vector of `<unk>`."""
    words = _shuffled(rows)
    return _vocab(words), torch.stack([unknown, *(rows[word] for word in words)])


def _around(cosines, unknown=0.0):
    """(vocab, vectors) in which the second of WORDS and those after it lie at these cosines from the first.

    Their lengths are random, from a tenth to ten, so that neither products nor distances follow the cosines.
    """
    basis = torch.linalg.qr(torch.randn(16, 16)).Q
    rows = [basis[0]]
    for cosine in (*cosines, unknown):
        side = torch.nn.functional.normalize(torch.randn(15), dim=0) @ basis[1:]
        rows.append(cosine * basis[0] + math.sqrt(1 - cosine**2) * side)
    lengths = 10 ** (2 * torch.rand(len(rows), 1) - 1)
    *rows, last = lengths * torch.stack(rows)
    return _map(dict(zip(WORDS, rows, strict=False)), last)


def test_most_similar_finds_the_nearest(student):
    """With k = 1 the one word comes that lies nearest by direction."""
    vocab, vectors = _around(random.sample([0.9, 0.6, 0.3, 0.0, -0.5], 5))
    best = max(
        WORDS[1:6], key=lambda word: float(torch.cosine_similarity(vectors[vocab["ale"]], vectors[vocab[word]], 0))
    )
    student.expect_equal(student.most_similar("ale", vocab, vectors, 1), [best])


def test_most_similar_in_order(student):
    """The nearest word comes first, and the list has k words; a cosine that is larger by a hundredth is larger."""
    vocab, vectors = _around([0.8, 0.59, 0.58, 0.57, 0.0, -0.3])
    for k in (2, 4):
        student.expect_equal(student.most_similar("ale", vocab, vectors, k), WORDS[1 : k + 1])
    student.expect_equal(student.most_similar("ale", vocab, vectors, k=3), WORDS[1:4])


def test_most_similar_of_many_words(student):
    """Without k it is five words, those of negative cosine after the others, and never `<unk>`."""
    vocab, vectors = _around([0.95, 0.7, 0.2, -0.1, -0.4, -0.6, -0.9], unknown=0.99)
    student.expect_equal(student.most_similar("ale", vocab, vectors), WORDS[1:6])
    vocab, vectors = _around([0.99 - 0.1 * place for place in range(12)], unknown=0.5)
    student.expect_equal(student.most_similar("ale", vocab, vectors), WORDS[1:6])
    student.expect_equal(student.most_similar("ale", vocab, vectors, 11), WORDS[1:12])
    vocab, vectors = _around([0.6, 0.3, 0.0, -0.3, -0.6], unknown=0.5)
    vectors[vocab[WORDS[3]]] = 0.0  # nearer than what points away
    student.expect_equal(student.most_similar("ale", vocab, vectors), WORDS[1:6])


def test_most_similar_leaves_out_the_word_itself(student):
    """The word is not in its own list, also where others point exactly the same way, or it is all zeros."""
    vocab, vectors = _around([0.5, 0.2, -0.3, 0.4], unknown=0.1)
    same = [vocab[word] for word in WORDS[:3]]
    vectors[same] = vectors[vocab["ale"]].clone()
    for word in WORDS[:3]:
        got = student.most_similar(word, vocab, vectors, 2)
        _expect_words(student, got, set(WORDS[:3]) - {word})
    vectors = vectors.clone()  # what was sent stays as it was
    vectors[same] = 0.0
    vectors[vocab["dagger"]] = -vectors[vocab["elm"]]
    _expect_words(student, student.most_similar("bread", vocab, vectors, 9), {"ale", "crown", "dagger", "elm"})
    _expect_words(student, student.most_similar("elm", vocab, vectors, 9), {"ale", "bread", "crown", "dagger"})
    vocab, vectors = _analogy(_points("ale 1, Ale 2 0.1, bread 1 1"))  # a capital makes another word
    student.expect_equal(student.most_similar("ale", vocab, vectors), ["Ale", "bread"])


def _expect_words(student, got, words):
    """These words, in any order, each once."""
    student.expect(isinstance(got, (list, tuple)), "the result is no list")
    student.expect(all(isinstance(word, str) for word in got), "the list should hold words")
    student.expect(len(got) == len(words), f"{len(got)} words; expected {len(words)}")
    student.expect(set(got) == words, "not the right words")


def test_most_similar_when_there_are_not_k(student):
    """With fewer than k other words, all of them come, in order, and nothing else."""
    vocab, vectors = _around([0.7, 0.1, -0.4], unknown=0.9)
    for k in (3, 4, 50):
        student.expect_equal(student.most_similar("ale", vocab, vectors, k), WORDS[1:4])
    student.expect_equal(student.most_similar("ale", *_around([], unknown=0.3)), [])


def test_most_similar_uses_the_ids_of_the_vocabulary(student):
    """The vector of a word is the row of its id, in whatever order the vocabulary lists its words."""
    vocab, vectors = _around([0.9, 0.6, 0.3, 0.0, -0.3, -0.6], unknown=0.8)
    student.expect_equal(student.most_similar("ale", dict(reversed(vocab.items())), vectors, 4), WORDS[1:5])


def test_most_similar_of_an_unknown_word(student):
    """A word that is not in the vocabulary is a KeyError."""
    with student.expect_raises(KeyError):
        student.most_similar("wine", *_around([0.9, 0.6, 0.3]))


def test_most_similar_leaves_its_arguments_alone(student):
    """Vocabulary and vectors are afterwards what they were."""
    vocab, vectors = _around([0.9, 0.6, 0.3, 0.0])
    got, after = student.most_similar.after("ale", vocab, vectors, 3)
    student.expect_equal(got, WORDS[1:4])
    student.expect_equal(after[1], vocab, about="vocab after the call")
    student.expect_equal(after[2], vectors, about="vectors after the call")


def _points(text):
    """Words and their coordinates, of which those that are not said are 0: "man 1, woman 1 2"."""
    return {word: [float(each) for each in place] for word, *place in (entry.split() for entry in text.split(","))}


def _analogy(rows, unknown=(0, 0, 0, 0, 0, 1)):
    """(vocab, vectors) of words at these places, in a random basis of a space that is larger."""
    basis = torch.linalg.qr(torch.randn(12, 12)).Q
    place = {word: torch.tensor(numbers) @ basis[: len(numbers)] for word, numbers in rows.items()}
    return _map(place, torch.tensor(unknown, dtype=torch.float32) @ basis[:6])


# woman - man + king is 1 2 3; beside it stands what other signs would give
PARALLELOGRAM = _points(
    "man 1, woman 1 2, king 1 0 3, queen 1 2 3, reversed 1 -2 3, difference 0 2, negated -1 -2 -3, no-a 2 2 3,"
    "sum 3 2 3, a+b-c 1 2 -3, c-b 0 -2 3, hall 0 0 1 2, ink 0 1 0 0 2 1"
)


def test_analogy_completes_a_parallelogram(student):
    """man is to woman as king is to the word at woman - man + king."""
    student.expect_equal(student.analogy("man", "woman", "king", *_analogy(PARALLELOGRAM)), "queen")


def test_analogy_in_any_direction(student):
    """The same four words answer each other's questions."""
    for question in ("woman man queen king", "man king woman queen", "king queen man woman"):
        a, b, c, d = question.split()
        student.expect_equal(student.analogy(a, b, c, *_analogy(PARALLELOGRAM)), d)
    vocab, vectors = _analogy(PARALLELOGRAM)
    others = [word for word in vocab if word not in ("<unk>", "queen")]
    for words in (["queen", *others], [*others, "queen"]):  # whose id is the first or the last
        rows = torch.stack([vectors[0], *(vectors[vocab[word]] for word in words)])
        student.expect_equal(student.analogy("man", "woman", "king", _vocab(words), rows), "queen")


def test_analogy_of_the_raw_vectors(student):
    """The vectors are added and taken away as they are, long or short, and not normalised before."""
    rows = "a 4, b 0 1, c 0 0 2, raw -2 0.5 1 0.1, normalised -1 1 1, half -4 0.5 2 0 2, only-c -1 0.25 2, hall 1 1 1 1"
    student.expect_equal(student.analogy("a", "b", "c", *_analogy(_points(rows))), "raw")


def test_analogy_by_cosine(student):
    """The direction decides: not the distance from b - a + c, and not the product with it."""
    rows = _points("a 1, b 1 1, c 0 0 1, direction 0 4 4 0 0.2, close 0 0.9 0.9 0.5, long 0 30 30 40")
    for factor in (1, -1):
        signed = {word: [factor * each for each in place] for word, place in rows.items()}
        student.expect_equal(student.analogy("a", "b", "c", *_analogy(signed)), "direction")


def test_analogy_never_answers_with_the_question(student):
    """a, b, c and `<unk>` are never the answer, however near they are and however far the others."""
    rest = ", found 4 0 0 3, hall 1 0 0 3, ink -5, bread 0 0 0 1, crown 0 0 0 1 1, dagger 0 0 0 -1 2, elm -1 0 0 0 1"
    answers = []
    for near in ("a 0 1, b 0 1.2, c 3", "a 1, b 1 1, c 1 -1", "a 1, b 3 0.1, c 1 0 0.1", "a 1 0 0.1, b 3 0.1, c 1"):
        vocab, vectors = _analogy(_points(near + rest), unknown=(3, 0.1, 0.1, 0, 0, 0))
        answers.append(student.analogy("a", "b", "c", vocab, vectors))  # c is nearest, then a, then b
    for answer in answers:
        student.expect_equal(answer, "found")
    rows = _points("a 1, b 2 1, c 1 1, far -1 -1 0 0.1, found -1 -1 0 1")  # all that is left points away
    vocab, vectors = _analogy(rows)
    for order in (vocab, dict(reversed(vocab.items()))):
        student.expect_equal(student.analogy("a", "b", "c", order, vectors), "found")
    rows = _points("a 1, c 0 1 1, found 0 1 0.8, hall 0 1 -1, ink 1 1")  # a is to a as c is to what is like c
    student.expect_equal(student.analogy("a", "a", "c", *_analogy(rows)), "found")
    rows = _points("a 1, b 1 0.1, c 0 1, C 0 1, hall 1 1, ink 0.5 1")  # a double of c, which is another word
    student.expect_equal(student.analogy("a", "b", "c", *_analogy(rows)), "C")


def test_analogy_of_an_unknown_word(student):
    """Whichever of the three words is not in the vocabulary, it is a KeyError."""
    for question in ("wine woman king", "man wine king", "man woman wine"):
        with student.expect_raises(KeyError):
            student.analogy(*question.split(), *_analogy(PARALLELOGRAM))


def test_analogy_leaves_its_arguments_alone(student):
    """Any order of the vocabulary serves; vocabulary and vectors are afterwards what they were."""
    vocab, vectors = _analogy(PARALLELOGRAM)
    vocab = dict(reversed(vocab.items()))
    got, after = student.analogy.after("man", "woman", "king", vocab, vectors)
    student.expect_equal(got, "queen")
    student.expect_equal(after[3], vocab, about="vocab after the call")
    student.expect_equal(after[4], vectors, about="vectors after the call")
