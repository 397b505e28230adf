"""Your written answers: 31 questions, and with each of them a small one to compute, its companion.

How to answer:

- A question has a name, such as E1, and stands in the comment above it. Replace "TODO" by your answer, in your own
  words: one to six sentences in quotation marks, or in triple ones if they take more than one line.
- Its companion is called E1_CHECK; its question stands in the comment above it, and so does the form that is
  wanted. Replace None by a number, a word in quotation marks, or a list of them, [1, 2.5] or ["to", "be"]. Numbers
  may be written as + - * / ** and brackets make them, 3 * (4 + 1) for example; 0.25, 1 / 4 and 25e-2 are the same.
  Do not round: where rounding cannot be avoided, keep at least four decimals.
- Nothing in this file is run. It is read, and what is not a text, a number, or a list of these is a problem that
  you are told. So import nothing and call nothing; no log(2), for example, but 0.6931. What you leave at "TODO" or
  None counts as not attempted.
- What holds for all companions: logarithms are natural ones, vectors are rows, so that a matrix stands on their
  right (x W), and positions and steps are counted from 1.

`autograder check synthesis` tells you whether the form of your answers is right (a number where a number is wanted,
words out of those allowed), and never whether they are. How they are marked, and what to read for them, stands in
`synthesis.md`.
"""

# ------------------------------------------------------------------------------------------------------------------
# Word embeddings
# ------------------------------------------------------------------------------------------------------------------

# E1. What is a word embedding? How long are its vectors usually?
E1 = "TODO"

# Companion of E1, a number: GPT-2 small has 50257 tokens, and vectors of length 768. How many numbers does its
# table of token embeddings hold?
E1_CHECK = None

# E2. A network is trained to tell valid 5-grams (five words in a row from a real text) from broken ones. How does
# this result in a map from words to vectors?
E2 = "TODO"

# Companion of E2, a number: A valid window shall score at least 1 more than its broken twin. What a pair lacks of
# that is its loss; a pair that lacks nothing has a loss of 0. Three valid windows score 2.0, 0.5 and 1.0, their
# broken twins (in the same order) 0.2, 0.1 and 1.5. What is the mean loss of the three pairs?
E2_CHECK = None

# E2A. Can you think of another way to train a network that gives such a map as a side effect?
E2A = "TODO"

# Companion of E2A, a number: Skip-gram trains on pairs (centre, context): for each position of a text, as centre,
# one pair with every other position that is at most 2 away from it, before or after. How many pairs does "the cat
# sat on the mat" give? Positions count: the two "the" are two positions.
E2A_CHECK = None

# E3. Pretend that you are a word embedder: name two or three words that your map would put into the same family as
# the one below, and say what they have in common.

# E3_KING. ... as "king".
E3_KING = "TODO"

# Companion of E3_KING, a word out of "queen", "prince", "emperor": king is at (2, 1), queen at (6, 3.2), prince at
# (2.2, 1.5), emperor at (5, 6). Which of the three is nearest to king, by cosine similarity?
E3_KING_CHECK = None

# E3_BUTTON. ... as "button".
E3_BUTTON = "TODO"

# Companion of E3_BUTTON, a number: The vector of a word is taken to be the mean of the vectors of its contexts. Of
# every 4 uses of button, 3 have the context clothing, (1, 0), and 1 has the context interface, (0, 1). What is the
# cosine similarity of button with zip, which has the vector (1, 0)?
E3_BUTTON_CHECK = None

# E3_PAIN. ... as "pain".
E3_PAIN = "TODO"

# Companion of E3_PAIN, a list of three words in alphabetical order: Which three of "pane", "ache", "pan", "agony",
# "paint", "sting" would be put near to pain by their contexts?
E3_PAIN_CHECK = None

# E3_WATER_BOTTLE. ... as "water bottle". (Two words: how would you make one vector of them?)
E3_WATER_BOTTLE = "TODO"

# Companion of E3_WATER_BOTTLE, a list of numbers: water is at (2, 0, 1), bottle at (0, 4, 1). What is the vector of
# the phrase, taken as the mean of its words?
E3_WATER_BOTTLE_CHECK = None

# E4. The difference of the vectors of a male word and its female twin is nearly the same for many pairs. What
# explanation is given for that?
E4 = "TODO"

# Companion of E4, a list of two numbers: man is at (1, 0), woman at (1, 2), king at (4, 1). Where does the
# difference between woman and man put queen?
E4_CHECK = None

# E5. What are pre-training, transfer learning and multi-task learning?
E5 = "TODO"

# Companion of E5, a list of three words out of "pre-training", "transfer learning", "multi-task learning": Give
# each its name. (a) A model learns to predict the next word of web pages, and nobody has a further task in mind
# yet. (b) The weights that came out of (a) are taken as the start of a model that judges film reviews. (c) One
# shared table of vectors is trained for marking parts of speech and for finding names, both at the same time.
E5_CHECK = None

# ------------------------------------------------------------------------------------------------------------------
# Recurrent networks. The memory vector of the reading is called state here, s_t after step t.
# ------------------------------------------------------------------------------------------------------------------

# R1. What does a language model, in general, try to predict? If it predicts X given Y, what are X and Y?
R1 = "TODO"

# Companion of R1, a list of numbers: The words of a text have the ids 7, 3, 9, 4. During training a model reads 7,
# 3, 9. What are its targets?
R1_CHECK = None

# R2. What happens to the memory vector as we move through time?
R2 = "TODO"

# Companion of R2, a list of three numbers: A memory is a single number, s_t = tanh(x_t + 0.5 s_{t-1}), and before
# the first step it is what it usually is (question R4). The inputs are x = 1, 0, 0. What are the three states?
R2_CHECK = None

# R3. Describe how an RNN deals with "How are you?", in terms of its unrolled graph.
R3 = "TODO"

# Companion of R3, a list of numbers: The tokens of the text are How (step 1), are (2), you (3), ? (4). An RNN reads
# it once as it is, and once with another word in the place of "are"; nothing else is changed. List, in rising
# order, the numbers of those of the states s_1, s_2, s_3, s_4 that can differ between the two.
R3_CHECK = None

# R3A. What happens to the words, and to the hidden states made from them?
R3A = "TODO"

# Companion of R3A, a list of three numbers: How, are and you enter as the numbers 1, 2 and -1; s_t = tanh(0.5 x_t +
# 0.8 s_{t-1}), and before the first step the state is what it usually is (question R4). What are the three states?
R3A_CHECK = None

# R3B. How long is the unrolled graph for "How are you?", in RNN nodes?
R3B = "TODO"

# Companion of R3B, a list of two numbers: The tokens are How, are, you and ?, and no end token is read. A node
# makes its state from the token and the state that comes in, and a prediction from its state; for each of the three
# it has a weight matrix. [How many nodes has the unrolled graph? How many different weight matrices are there in
# the whole graph?]
R3B_CHECK = None

# R4. What is the memory vector initialised to?
R4 = "TODO"

# Companion of R4, a number: A memory is a single number, s_t = tanh(W_x x_t + W_s s_{t-1} + b) with W_x = 0.3, W_s
# = 0.8 and b = 0.2. What is the first state for x_1 = 1, with the usual initial memory?
R4_CHECK = None

# R5. What is </s>, and what does it signify?
R5 = "TODO"

# Companion of R5, a number: At every step, whatever came before, a model gives "a" a probability of 0.7 and "</s>"
# one of 0.3. What is the probability that the text it writes is "a a", no more and no less?
R5_CHECK = None

# ------------------------------------------------------------------------------------------------------------------
# Backpropagation through time
# ------------------------------------------------------------------------------------------------------------------

# B1. What are W_x, W_y and W_s?
B1 = "TODO"

# Companion of B1, a list of three numbers: Inputs are one-hot vectors of length 10, states have length 4, outputs
# length 3, and the text has 7 steps. How many entries have [W_x, W_y, W_s]? Biases are not asked for.
B1_CHECK = None

# B2. Why does BPTT not work with a large number of time steps?
B2 = "TODO"

# Companion of B2, a number: In an RNN whose state is a single number, s_t = tanh(x_t + 0.9 s_{t-1}), the inputs
# happen to be such that 1 - s_t^2 = 0.75 at every step. What is the derivative of s_50 with respect to s_40?
B2_CHECK = None

# B2A. What is this problem called?
B2A = "TODO"

# Companion of B2A, a list of two words out of "vanishing", "exploding", "overfitting", "saturating": Which problem
# is it, if on its way back through 100 steps a gradient is multiplied at each of them by a number of the size (a)
# 0.5, (b) 1.5?
B2A_CHECK = None

# B3. How does truncated BPTT solve it?
B3 = "TODO"

# Companion of B3, a list of three numbers: A text has T = 10 steps, k1 = 2 and k2 = 4. So a backward pass starts
# after every second step; it goes back over its window, which is that step and those before it, four in all, or as
# many of these as there are. [How many passes are made? Which is the first step in the window of the pass that
# starts after step 8? Over how many steps do all passes together go back?]
B3_CHECK = None

# ------------------------------------------------------------------------------------------------------------------
# Transformers. Read slowly; this is the hard part.
# ------------------------------------------------------------------------------------------------------------------

# T1. Why does a model that does not capture long-term dependencies write nonsensical paragraphs?
T1 = "TODO"

# Companion of T1, a number: An n-gram model predicts a word from the n - 1 words before it, so that n counts the
# predicted word, too. The text is "The keys to the old cabinet in the hall are". What is the smallest n for which
# the model sees "keys" when it predicts "are"?
T1_CHECK = None

# T2. What do the probabilities that GPT puts out represent? What is greedy decoding?
T2 = "TODO"

# Companion of T2, a list of two numbers: The first token is A with probability 0.6 or B with 0.4. After A comes C
# with 0.55 or D with 0.45; after B comes C with 0.9 or D with 0.1. What is the probability of [the pair that greedy
# decoding chooses, the likeliest pair of all]?
T2_CHECK = None

# T3. What is a token?
T3 = "TODO"

# Companion of T3, a list of words (pieces of one, here): A tokenizer starts with single letters and has five
# merges, which it applies in this order, each wherever the two pieces stand next to each other: l + o, lo + w, e +
# r, s + t, e + st. Into which tokens does it cut "slowest"?
T3_CHECK = None

# T4. What are the big blocks of the GPT architecture, from tokens to probabilities, and what does each do?
T4 = "TODO"

# Companion of T4, a list of five numbers: A GPT has D = 8, 12 decoder blocks and a vocabulary of 50 tokens. It
# reads ids of shape (2, 5). What is the size of the last dimension [after the embedding, after the first block,
# after the twelfth block, after the output layer], and, as the fifth number, how many distributions over next
# tokens does it give out?
T4_CHECK = None

# T5. Which two main blocks are there inside a decoder block, and what is each for?
T5 = "TODO"

# Companion of T5, a list of two numbers: D = 4, and attention has 4 heads, which share the D columns among them.
# All linear layers have biases. How many parameters have [attention, with everything from making queries to mixing
# what the heads found; the feed-forward network, which is four times as wide inside]? Norms are not asked for.
T5_CHECK = None

# T6. Describe masked self-attention in your own words.
T6 = "TODO"

# Companion of T6, a list of five numbers: In causal (masked) self-attention over 5 positions all scores happen to
# be equal. What are the weights with which position 3 looks at positions 1 to 5?
T6_CHECK = None

# T6A. How does it keep generated text from being mostly nonsense?
T6A = "TODO"

# Companion of T6A, a list of two numbers: Token 1 has been read, and its state (in a Transformer: its embedding) is
# there. What is the smallest number of further steps until something of it can be in what is made for token 100:
# [in an RNN, counted in transitions from one state to the next; in a Transformer, counted in attention layers]?
T6A_CHECK = None

# T7. How are query, key and value made from each embedding?
T7 = "TODO"

# Companion of T7, a list of six numbers: x = (1, 2), W_q = [[1, 0], [1, 1]], W_k = [[0, 1], [2, 0]], W_v = [[2, 1],
# [0, 1]], each given row by row, and without biases. Write query, key and value one after the other.
T7_CHECK = None

# T8. How is a word's score calculated, from its query and the keys of the other words?
T8 = "TODO"

# Companion of T8, a list of three numbers: A query is (1, 2, 0, 1), the three keys are (1, 0, 1, 1), (0, 3, 1, 0),
# (2, 1, 0, 0). What are its three scores, before softmax, with GPT's scale, which is the square root of the number
# of entries of a key?
T8_CHECK = None

# T9. How do scores and value vectors give the vector of one transformed word?
T9 = "TODO"

# Companion of T9, a list of two numbers: A word has the scores 0 and ln 3 with two words whose values are (4, 0)
# and (0, 4). What is its new vector?
T9_CHECK = None

# T10. Briefly describe multi-headed attention.
T10 = "TODO"

# Companion of T10, a list of four numbers: Attention with 3 heads gets x of shape (2, 5, 12). [What is the length
# of a query in one head? How many maps of attention weights are there for one of the two sequences? How many
# entries has the tensor of all weights? What is the size of the last dimension when the heads are joined again?]
T10_CHECK = None
