"""Right, with numbers written as the sums that make them, tuples for lists, and pairs within a list."""

E1 = """A list of numbers that stands for a word and is learned from texts. Most often a few hundred of them."""
E1_CHECK = 50257 * 768
E2 = """To know whether a window is real, the network must know which words can go where. All it has to put this
knowledge in are the words' vectors, so those with the same habits end up in the same place. We throw the judge away
and keep the vectors."""
E2_CHECK = (0 + (1 - 0.5 + 0.1) + (1 - 1.0 + 1.5)) / 3
E2A = "Hide a word of a sentence, and let the network guess it from what is left (that is how BERT is trained)."
E2A_CHECK = 2 + 3 + 4 + 4 + 3 + 2
E3_KING = "Emperor, sultan, tsar: all of them rule."
E3_KING_CHECK = "queen"
E3_BUTTON = "Hook, clasp and lace: things that close a shirt or a shoe."
E3_BUTTON_CHECK = 0.75 / (0.75**2 + 0.25**2) ** 0.5
E3_PAIN = "Grief, agony, torment; we suffer from each of them."
E3_PAIN_CHECK = ("ache", "agony", "sting")
E3_WATER_BOTTLE = "Jug, mug, carafe - vessels for something to drink."
E3_WATER_BOTTLE_CHECK = ((2 + 0) / 2, (0 + 4) / 2, (1 + 1) / 2)
E4 = """He and she, his and her must fit to the noun. The network has to know this of every noun for a person, in
order to see that a window is wrong, so all of these nouns are shifted by the same vector."""
E4_CHECK = 4 + (1 - 1), 1 + (2 - 0)
E5 = """In pre-training a model learns from lots of unlabelled text. If you use it for another purpose later on, that is
transfer. Multi-task means: several purposes, one training run, shared parameters."""
E5_CHECK = ("pre-training", "transfer learning", "multi-task learning")

R1 = "The word that follows (X), from the words that have been read (Y)."
R1_CHECK = (3, 9, 4)
R2 = "It is mixed with each new word, by the same formula every time, and so it comes to stand for all words so far."
R2_CHECK = (0.76159, 0.36340, 0.17971)
R3 = (
    "You draw the unit four times in a row; the arrow from each to the next carries the memory, and a word enters each."
)
R3_CHECK = (1 + 1, 1 + 2, 1 + 3)
R3A = """Words become vectors. Vector and old hidden state are weighted, summed and squashed, which is the new
hidden state."""
R3A_CHECK = (0.46212, 0.87859, 0.20018)
R3B = "One node per token, thus three words or four tokens."
R3B_CHECK = (4, 3)
R4 = "Zeros."
R4_CHECK = 1 - 2 / (2.718281828459045 ** (2 * (0.3 + 0.2)) + 1)
R5 = "The sign for: the sentence is over. A model can stop when it has written it."
R5_CHECK = 0.7**2 * 0.3

B1 = "W_x weighs what comes in, W_s the memory, W_y makes what goes out. They are learned and do not change over time."
B1_CHECK = (10 * 4, 4 * 3, 4 * 4)
B2 = "One factor for each step, all multiplied: a hundred factors of 0.8 are nothing, a hundred of 1.2 are millions."
B2_CHECK = (0.9 * 0.75) ** 10
B2A = "The vanishing gradient."
B2A_CHECK = ("vanishing", "exploding")
B3 = """Only the last few steps are gone back, though all are gone forward. That makes it affordable. It does not
make the network learn what lies further back than that; of this there is no gradient at all."""
B3_CHECK = (10 / 2, 8 - 4 + 1, 2 + 4 + 4 + 4 + 4)

T1 = "It forgets what it was talking about, so sentence four no longer has anything to do with sentence one."
T1_CHECK = 10 - 2 + 1
T2 = "How likely each token is to be the next. Greedy: always write down the likeliest and go on."
T2_CHECK = (0.6 * 0.55, 0.4 * 0.9)
T3 = "A word or a piece of a word out of the list that the model knows."
T3_CHECK = ("s", "low", "est")
T4 = "Embedding with positions, many decoder blocks one on top of the other, and a linear layer with softmax."
T4_CHECK = (8, 8, 8, 50, 2 * 5)
T5 = "Attention with a mask, to look at other words; a feed-forward network, to think about what was found."
T5_CHECK = (4 * (4 * 4 + 4), (4 * 16 + 16) + (16 * 4 + 4))
T6 = "Each word collects from itself and its predecessors whatever matters to it, more from those that matter more."
T6_CHECK = (1 / 3, 1 / 3, 1 / 3, 0, 0)
T6A = "Because nothing in the context is too far away to be looked at when the next word is chosen."
T6A_CHECK = (100 - 1, 1)
T7 = "Three learned matrices are applied to it, and each gives one of the three."
T7_CHECK = ((1 + 2, 0 + 2), (0 + 4, 1 + 0), (2 + 0, 1 + 2))
T8 = "Multiply the query with each key, entry by entry, and add up; then divide by the root of their length."
T8_CHECK = (2 / 4**0.5, 6 / 4**0.5, 4 / 4**0.5)
T9 = "The values are averaged, with weights from a softmax of the scores."
T9_CHECK = (1 / 4 * 4, 3 / 4 * 4)
T10 = "Several smaller attentions at once; what they find is joined and mixed."
T10_CHECK = (12 / 3, 3, 2 * 3 * 5 * 5, 3 * 4)
