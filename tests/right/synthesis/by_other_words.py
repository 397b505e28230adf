"""Right, with words in other cases and with spaces, numbers in other notations, annotations and sums of strings."""

E1: str = "Each word gets coordinates, some hundred of them, " + "and words with similar use get similar coordinates."
E1_CHECK: int = +38_597_376
E2: str = """Suppose that "cat" and "dog" can be exchanged in nearly all windows without making them invalid. Then the
network answers best if it cannot tell one from the other, and it can arrange that by moving their rows of the table
together. Rows of words that may not be exchanged stay apart. That arrangement is the map."""
E2_CHECK = 7e-1
E2A: str = (
    "Yes: train it to translate, or to say whether two sentences follow each other; words enter as vectors there, too."
)
E2A_CHECK = 0x12
E3_KING: str = "duke, pharaoh, crown"
E3_KING_CHECK = " QUEEN "
E3_BUTTON: str = "sleeve, zip, pocket"
E3_BUTTON_CHECK = 3 / 10**0.5
E3_PAIN: str = "sorrow and distress"
E3_PAIN_CHECK = ["Sting", " agony", "ACHE"]
E3_WATER_BOTTLE: str = "kettle, cup, jar: one can pour water into them"
E3_WATER_BOTTLE_CHECK = [1, 2, 1]
E4: str = (
    "What changes around a word when it becomes female is always the same (she, her), so the step is the same, too."
)
E4_CHECK = [4, 3]
E5: str = """Pre-training comes first and needs no particular aim. Transfer carries it over to where data are
scarce. With many tasks, the same layers have to serve them all at the same time, and none gets them for itself."""
E5_CHECK = ["Pretraining", "TRANSFER  LEARNING", "Multitask learning"]

R1: str = "What comes next, given what came before: X is a word, Y its left context."
R1_CHECK = [3, 9, 4]
R2: str = """In every time step the recurrent unit reads its memory and a word and writes a memory. Nothing else is
kept, so whatever shall be known later must be in those few numbers, and what is not refreshed gets weaker."""
R2_CHECK = [7.616e-1, 3.634e-1, 1.797e-1]
R3: str = (
    "Unrolled, it is a chain: How -> s1, are (and s1) -> s2, you (and s2) -> s3, with identical weights everywhere."
)
R3_CHECK = [2, 3, 4]
R3A: str = (
    "From a word's vector and the last hidden state comes the next one, through tanh, and also a guess at what follows."
)
R3A_CHECK = [0.4621, 0.8786, 0.2002]
R3B: str = "It has 3 nodes, or 4 with the question mark."
R3B_CHECK = [4, 3]
R4: str = "to nothing but zeros"
R4_CHECK = 0.46211716
R5: str = "A made-up token at the end of each text of the training data. It signifies that nothing follows."
R5_CHECK = 147e-3

B1: str = "Three matrices of an RNN: for the input, for the output, for the step from state to state (in this order)."
B1_CHECK = [40, 12, 16]
B2: str = (
    "The signal from far back gets multiplied so often that it dies out or overflows, and every step costs memory."
)
B2_CHECK = 1.9635e-2
B2A: str = "vanishing / exploding gradients"
B2A_CHECK = ["Vanishing Gradients", "exploding"]
B3: str = """It looks back a fixed number of steps from time to time, say every 20 steps over the last 40. Updates
then cost the same however long the text is. But it evades the problem: connections over more than 40 steps get a
gradient of exactly zero, so one needs an LSTM or attention for these."""
B3_CHECK = [5, 5, 18]

T1: str = (
    "Since a paragraph is held together by what its sentences share, and the model has forgotten the first of them."
)
T1_CHECK = 3**2
T2: str = """They say what share of all continuations of this text begins with which token, in the model's opinion.
To decode greedily is to follow the largest share each time, without ever looking further ahead than one token."""
T2_CHECK = [33 / 100, 36 / 100]
T3: str = "the smallest piece of text that is handled as one thing: often a word, else a fragment"
T3_CHECK = [" S", "Low", "EST"]
T4: str = "Tokens and positions become vectors; the blocks rework them; a final layer scores the whole vocabulary."
T4_CHECK = [8, 8, 8, 50, 10]
T5: str = "self-attention (masked), and after it a position-wise MLP"
T5_CHECK = [80, 148]
T6: str = """A word's vector is rebuilt from the vectors of the words to its left and its own. How much comes from
which is decided anew for every word, from how well they go together. To the right it must not look: that is the
mask."""
T6_CHECK = [0.3333, 0.3333, 0.3333, 0, 0]
T6A: str = "The subject of ten lines ago is one look away, so what is written can still fit to it."
T6A_CHECK = [99, 1]
T7: str = "q = x W_q, k = x W_k, v = x W_v"
T7_CHECK = [[3, 2], [4, 1], [2, 3]]
T8: str = "score(i, j) = q_i times k_j, summed over entries, over the square root of d"
T8_CHECK = [1, 3, 2]
T9: str = "new_i = sum over j of softmax(scores of i)_j times v_j; so it is an average of values"
T9_CHECK = [1, 3]
T10: str = "h heads attend at once to different things, each in D / h columns, then a linear map joins them"
T10_CHECK = [4, 3, 150, 12]
