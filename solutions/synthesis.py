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
E1 = """A word embedding is a table that gives each word of a vocabulary a vector of numbers, or one such vector.
The numbers are not written by a person but learned, in such a way that words which are used alike get vectors that
lie near to each other. The vectors are short and dense compared with one-hot vectors, which are as long as the
vocabulary: usually between 50 and some hundreds of numbers (Olah says 200 to 500), a thousand or more in large
models."""

# Companion of E1, a number: GPT-2 small has 50257 tokens, and vectors of length 768. How many numbers does its
# table of token embeddings hold?
E1_CHECK = 38597376

# E2. A network is trained to tell valid 5-grams (five words in a row from a real text) from broken ones. How does
# this result in a map from words to vectors?
E2 = """The network cannot read words, so its first layer looks each of the five words up in one shared table of
vectors, and the rest of the network judges the five vectors together. Broken windows are made by putting a random
word in place of a real one. To tell the two apart, training changes the vectors as well as the weights above them.
A word that fits where another does ("the old dog sat down", "the old cat sat down") must lead to the same verdict,
and the cheapest way to that is to give both nearly the same vector, which also helps with windows that were never
seen. In the end nobody needs the verdicts any more: the table is the map."""

# Companion of E2, a number: A valid window shall score at least 1 more than its broken twin. What a pair lacks of
# that is its loss; a pair that lacks nothing has a loss of 0. Three valid windows score 2.0, 0.5 and 1.0, their
# broken twins (in the same order) 0.2, 0.1 and 1.5. What is the mean loss of the three pairs?
E2_CHECK = 0.7

# E2A. Can you think of another way to train a network that gives such a map as a side effect?
E2A = """Every task that can be solved better by knowing which words are used alike will do, as long as its first
layer is a table of vectors. Skip-gram, for example: from the vector of a word, predict the words that stand around
it. Or the other way round: predict a word from its neighbours; or predict the next word from those before it, as
language models do."""

# Companion of E2A, a number: Skip-gram trains on pairs (centre, context): for each position of a text, as centre,
# one pair with every other position that is at most 2 away from it, before or after. How many pairs does "the cat
# sat on the mat" give? Positions count: the two "the" are two positions.
E2A_CHECK = 18

# E3. Pretend that you are a word embedder: name two or three words that your map would put into the same family as
# the one below, and say what they have in common.

# E3_KING. ... as "king".
E3_KING = """Queen, prince and monarch: they stand in the same sort of sentence, about crowns, courts and ruling a
country, so that one can often be put in the place of another."""

# Companion of E3_KING, a word out of "queen", "prince", "emperor": king is at (2, 1), queen at (6, 3.2), prince at
# (2.2, 1.5), emperor at (5, 6). Which of the three is nearest to king, by cosine similarity?
E3_KING_CHECK = "queen"

# E3_BUTTON. ... as "button".
E3_BUTTON = """Zip, buckle and collar, if most of the text is about clothes; key, switch and click, if it is about
machines. A table has only one vector for a word with two meanings, so that it lies somewhere between the two
families, nearer to the one that is more frequent in the text."""

# Companion of E3_BUTTON, a number: The vector of a word is taken to be the mean of the vectors of its contexts. Of
# every 4 uses of button, 3 have the context clothing, (1, 0), and 1 has the context interface, (0, 1). What is the
# cosine similarity of button with zip, which has the vector (1, 0)?
E3_BUTTON_CHECK = 0.9487

# E3_PAIN. ... as "pain".
E3_PAIN = """Suffering, hurt and soreness: one feels them, one complains of them, and a doctor asks where they are.
Their spelling has nothing to do with it."""

# Companion of E3_PAIN, a list of three words in alphabetical order: Which three of "pane", "ache", "pan", "agony",
# "paint", "sting" would be put near to pain by their contexts?
E3_PAIN_CHECK = ["ache", "agony", "sting"]

# E3_WATER_BOTTLE. ... as "water bottle". (Two words: how would you make one vector of them?)
E3_WATER_BOTTLE = """Flask, canteen and thermos: things to carry a drink in. Since a table of words has no row for
the phrase, I would take the mean of the vectors of its two words, or treat the phrase as one word of its own if it
is frequent."""

# Companion of E3_WATER_BOTTLE, a list of numbers: water is at (2, 0, 1), bottle at (0, 4, 1). What is the vector of
# the phrase, taken as the mean of its words?
E3_WATER_BOTTLE_CHECK = [1, 2, 1]

# E4. The difference of the vectors of a male word and its female twin is nearly the same for many pairs. What
# explanation is given for that?
E4 = """The grammar of the text forces it. Words that go with a person's sex must agree with others around them: put
"aunt" in place of "uncle", and a "he" beside it must become a "she". So the contexts of the two words of a pair
differ in the same regular way for all pairs (her for his, she for he), and it is natural for the network to spend
one direction of its space on that difference and to use it everywhere."""

# Companion of E4, a list of two numbers: man is at (1, 0), woman at (1, 2), king at (4, 1). Where does the
# difference between woman and man put queen?
E4_CHECK = [4, 3]

# E5. What are pre-training, transfer learning and multi-task learning?
E5 = """Pre-training: train a model on a task for which there is plenty of data, before the task that one is really
after is looked at, so that it learns representations of general use. Transfer learning: what was learned for one
task is used for another, later one, by taking over its weights or its representation, often with some further
training on little data. Multi-task learning: one model, or one shared part of it, is trained on several tasks at
the same time, so that what helps one can help the others."""

# Companion of E5, a list of three words out of "pre-training", "transfer learning", "multi-task learning": Give
# each its name. (a) A model learns to predict the next word of web pages, and nobody has a further task in mind
# yet. (b) The weights that came out of (a) are taken as the start of a model that judges film reviews. (c) One
# shared table of vectors is trained for marking parts of speech and for finding names, both at the same time.
E5_CHECK = ["pre-training", "transfer learning", "multi-task learning"]

# ------------------------------------------------------------------------------------------------------------------
# Recurrent networks. The memory vector of the reading is called state here, s_t after step t.
# ------------------------------------------------------------------------------------------------------------------

# R1. What does a language model, in general, try to predict? If it predicts X given Y, what are X and Y?
R1 = """X is the next word (or token), Y is the text so far: all words before it. The model gives a probability to
every word of the vocabulary. Multiplied along a text, these give the probability of the text as a whole."""

# Companion of R1, a list of numbers: The words of a text have the ids 7, 3, 9, 4. During training a model reads 7,
# 3, 9. What are its targets?
R1_CHECK = [3, 9, 4]

# R2. What happens to the memory vector as we move through time?
R2 = """At each step it is replaced by a new one of the same length, made of the old one and of the word that is
read: each is multiplied with a matrix, they are added, and tanh is taken. The matrices are the same at every step.
So it becomes a running summary of all that was read up to here. As its size never changes, older words fade or are
overlaid by newer ones, unless training has found a way to keep them."""

# Companion of R2, a list of three numbers: A memory is a single number, s_t = tanh(x_t + 0.5 s_{t-1}), and before
# the first step it is what it usually is (question R4). The inputs are x = 1, 0, 0. What are the three states?
R2_CHECK = [0.7616, 0.3634, 0.1797]

# R3. Describe how an RNN deals with "How are you?", in terms of its unrolled graph.
R3 = """The graph has one copy of the RNN unit for each word, in a row from left to right, all with the same
weights. The first copy takes "How" and the initial memory and hands its new memory to the second, which takes "are"
as well, and so on. From the memory of each copy a prediction of the word that follows can be read. The last memory
has seen the whole sentence."""

# Companion of R3, a list of numbers: The tokens of the text are How (step 1), are (2), you (3), ? (4). An RNN reads
# it once as it is, and once with another word in the place of "are"; nothing else is changed. List, in rising
# order, the numbers of those of the states s_1, s_2, s_3, s_4 that can differ between the two.
R3_CHECK = [2, 3, 4]

# R3A. What happens to the words, and to the hidden states made from them?
R3A = """Each word is turned into a vector (one-hot or an embedding) and multiplied with W_x. To this comes the
hidden state of the step before, multiplied with W_s, and the bias; tanh of the sum is the new hidden state. It is
used twice: W_y makes the prediction of this step from it, and it goes on to the next step."""

# Companion of R3A, a list of three numbers: How, are and you enter as the numbers 1, 2 and -1; s_t = tanh(0.5 x_t +
# 0.8 s_{t-1}), and before the first step the state is what it usually is (question R4). What are the three states?
R3A_CHECK = [0.4621, 0.8786, 0.2002]

# R3B. How long is the unrolled graph for "How are you?", in RNN nodes?
R3B = """As long as the text has tokens, since each token is read by one copy of the unit: three if only the words
count, one more if the question mark is a token of its own, and one more again if a token for the end is read, too.
The graph has no length of its own; it grows with the text."""

# Companion of R3B, a list of two numbers: The tokens are How, are, you and ?, and no end token is read. A node
# makes its state from the token and the state that comes in, and a prediction from its state; for each of the three
# it has a weight matrix. [How many nodes has the unrolled graph? How many different weight matrices are there in
# the whole graph?]
R3B_CHECK = [4, 3]

# R4. What is the memory vector initialised to?
R4 = """Usually to zeros, so that at the start nothing is remembered and the first state depends on the first word
and the bias alone. It is also possible to learn the initial vector along with the weights."""

# Companion of R4, a number: A memory is a single number, s_t = tanh(W_x x_t + W_s s_{t-1} + b) with W_x = 0.3, W_s
# = 0.8 and b = 0.2. What is the first state for x_1 = 1, with the usual initial memory?
R4_CHECK = 0.4621

# R5. What is </s>, and what does it signify?
R5 = """It is a special token, not a word, that stands for the end of a sentence or text. In training it follows the
last word, so that the model learns to predict where a text ends; when the model writes, drawing it means: stop
here. Without it a model could not say how probable it is that a text ends, and would never stop. (The reading has it
in front, as the input from which the first word is predicted: there it says that a sentence begins.)"""

# Companion of R5, a number: At every step, whatever came before, a model gives "a" a probability of 0.7 and "</s>"
# one of 0.3. What is the probability that the text it writes is "a a", no more and no less?
R5_CHECK = 0.147

# ------------------------------------------------------------------------------------------------------------------
# Backpropagation through time
# ------------------------------------------------------------------------------------------------------------------

# B1. What are W_x, W_y and W_s?
B1 = """The three weight matrices of an RNN, the same at every step. W_x leads from the input to the state, W_s from
the state of the step before to the new one (it is what makes the network recurrent), and W_y from the state to the
output."""

# Companion of B1, a list of three numbers: Inputs are one-hot vectors of length 10, states have length 4, outputs
# length 3, and the text has 7 steps. How many entries have [W_x, W_y, W_s]? Biases are not asked for.
B1_CHECK = [40, 12, 16]

# B2. Why does BPTT not work with a large number of time steps?
B2 = """On its way back over many steps the gradient is multiplied at each of them by the derivative of the new
state by the old one: by W_s, and by the slope of tanh, which is at most 1. A product of many such factors shrinks
or grows exponentially. If it shrinks, early words have practically no influence on the update, so that long
dependencies are not learned; if it grows, the update is so large that training breaks down. Besides, time and
memory grow with the number of steps, as all states must be kept for the way back."""

# Companion of B2, a number: In an RNN whose state is a single number, s_t = tanh(x_t + 0.9 s_{t-1}), the inputs
# happen to be such that 1 - s_t^2 = 0.75 at every step. What is the derivative of s_50 with respect to s_40?
B2_CHECK = 0.01963

# B2A. What is this problem called?
B2A = """The vanishing gradient problem, when the product goes towards zero; its twin, when the product grows
without bound, is the exploding gradient problem."""

# Companion of B2A, a list of two words out of "vanishing", "exploding", "overfitting", "saturating": Which problem
# is it, if on its way back through 100 steps a gradient is multiplied at each of them by a number of the size (a)
# 0.5, (b) 1.5?
B2A_CHECK = ["vanishing", "exploding"]

# B3. How does truncated BPTT solve it?
B3 = """It goes back over at most k2 steps, and does so once every k1 steps, so that the cost of an update no longer
grows with the length of the text, and the products of factors stay short. The state is still carried forward over
the whole text: what lies before the window is seen, though nothing is learned from how it got into the state. But
it solves the problem only in this sense. What happened before the window gets no gradient at all, not a small one,
so that longer dependencies cannot be learned from; to help with those, other units (GRU, LSTM) or attention are
needed."""

# Companion of B3, a list of three numbers: A text has T = 10 steps, k1 = 2 and k2 = 4. So a backward pass starts
# after every second step; it goes back over its window, which is that step and those before it, four in all, or as
# many of these as there are. [How many passes are made? Which is the first step in the window of the pass that
# starts after step 8? Over how many steps do all passes together go back?]
B3_CHECK = [5, 5, 18]

# ------------------------------------------------------------------------------------------------------------------
# Transformers. Read slowly; this is the hard part.
# ------------------------------------------------------------------------------------------------------------------

# T1. Why does a model that does not capture long-term dependencies write nonsensical paragraphs?
T1 = """What may come next often depends on something said long before: who the subject is, what the paragraph is
about, which bracket is still open. A model that sees only the last few words has lost that. Each of its phrases can
be fine by itself, but nothing ties them together: subjects change, verbs do not agree, the topic drifts, the text
contradicts itself."""

# Companion of T1, a number: An n-gram model predicts a word from the n - 1 words before it, so that n counts the
# predicted word, too. The text is "The keys to the old cabinet in the hall are". What is the smallest n for which
# the model sees "keys" when it predicts "are"?
T1_CHECK = 9

# T2. What do the probabilities that GPT puts out represent? What is greedy decoding?
T2 = """For each token of its vocabulary, GPT says how probable it is that this token comes next, given all tokens
so far; together they make 1. Greedy decoding takes the most probable token at every step, puts it at the end of the
text, and feeds the longer text in again. It decides step by step and takes nothing back, so the whole text need not
be the most probable one, and as it never draws lots it often ends in loops."""

# Companion of T2, a list of two numbers: The first token is A with probability 0.6 or B with 0.4. After A comes C
# with 0.55 or D with 0.45; after B comes C with 0.9 or D with 0.1. What is the probability of [the pair that greedy
# decoding chooses, the likeliest pair of all]?
T2_CHECK = [0.33, 0.36]

# T3. What is a token?
T3 = """The unit of text that a model reads and writes: an entry of a fixed vocabulary, known to the model by its
number. It may be a whole word, a piece of one, a sign or a single byte. Frequent words are one token, rare ones are
put together from several, so that every text can be written with a vocabulary of limited size."""

# Companion of T3, a list of words (pieces of one, here): A tokenizer starts with single letters and has five
# merges, which it applies in this order, each wherever the two pieces stand next to each other: l + o, lo + w, e +
# r, s + t, e + st. Into which tokens does it cut "slowest"?
T3_CHECK = ["s", "low", "est"]

# T4. What are the big blocks of the GPT architecture, from tokens to probabilities, and what does each do?
T4 = """First the embeddings: each token's number becomes a vector, and a vector for its position is added. Then a
stack of decoder blocks, all built alike but with weights of their own, which let the vectors take up meaning from
the tokens before them. At the end, after a last norm, a linear layer turns each vector into a score for every token
of the vocabulary, and softmax makes probabilities of the scores."""

# Companion of T4, a list of five numbers: A GPT has D = 8, 12 decoder blocks and a vocabulary of 50 tokens. It
# reads ids of shape (2, 5). What is the size of the last dimension [after the embedding, after the first block,
# after the twelfth block, after the output layer], and, as the fifth number, how many distributions over next
# tokens does it give out?
T4_CHECK = [8, 8, 8, 50, 10]

# T5. Which two main blocks are there inside a decoder block, and what is each for?
T5 = """Masked self-attention, in which the positions exchange information: each takes up what it needs from those
before it. And a feed-forward network of two linear layers with a nonlinearity between them, which works on each
position by itself, with the same weights for all. (Around each of the two there are a norm and a connection that
adds the input to the result.)"""

# Companion of T5, a list of two numbers: D = 4, and attention has 4 heads, which share the D columns among them.
# All linear layers have biases. How many parameters have [attention, with everything from making queries to mixing
# what the heads found; the feed-forward network, which is four times as wide inside]? Norms are not asked for.
T5_CHECK = [80, 148]

# T6. Describe masked self-attention in your own words.
T6 = """Every word asks all words which of them have something to tell it, and gets an answer that is mixed of
theirs, in shares according to how well they fit its question. It is called self-attention because questions and
answers come from one and the same text. Masked means that a word may ask only itself and those before it: whatever
comes later gets a share of exactly 0. In training the words to be predicted stand in the input, and without the
mask the model would simply look them up; when it writes, they do not exist yet."""

# Companion of T6, a list of five numbers: In causal (masked) self-attention over 5 positions all scores happen to
# be equal. What are the weights with which position 3 looks at positions 1 to 5?
T6_CHECK = [1 / 3, 1 / 3, 1 / 3, 0, 0]

# T6A. How does it keep generated text from being mostly nonsense?
T6A = """By attention a word can reach every earlier word of the context in one step, no matter how far back it is,
and take from it what it needs. So the next word can agree with a distant subject, keep to the topic and know whom a
pronoun stands for. Nothing has to survive a long chain of memory updates first."""

# Companion of T6A, a list of two numbers: Token 1 has been read, and its state (in a Transformer: its embedding) is
# there. What is the smallest number of further steps until something of it can be in what is made for token 100:
# [in an RNN, counted in transitions from one state to the next; in a Transformer, counted in attention layers]?
T6A_CHECK = [99, 1]

# T7. How are query, key and value made from each embedding?
T7 = """Each embedding is multiplied with three matrices, W_q, W_k and W_v (plus biases, in GPT), which gives three
vectors. The matrices are learned, and they are the same for all words of the text; only the embedding differs."""

# Companion of T7, a list of six numbers: x = (1, 2), W_q = [[1, 0], [1, 1]], W_k = [[0, 1], [2, 0]], W_v = [[2, 1],
# [0, 1]], each given row by row, and without biases. Write query, key and value one after the other.
T7_CHECK = [3, 2, 4, 1, 2, 3]

# T8. How is a word's score calculated, from its query and the keys of the other words?
T8 = """The score of a word with another one is the dot product of its query and the other's key: large where the
two point the same way. In GPT it is also divided by the square root of the number of their entries, so that scores
do not grow with that number. Each query is compared in this way with every key it may see, its own included."""

# Companion of T8, a list of three numbers: A query is (1, 2, 0, 1), the three keys are (1, 0, 1, 1), (0, 3, 1, 0),
# (2, 1, 0, 0). What are its three scores, before softmax, with GPT's scale, which is the square root of the number
# of entries of a key?
T8_CHECK = [1, 3, 2]

# T9. How do scores and value vectors give the vector of one transformed word?
T9 = """Softmax turns the scores into weights that are positive and add up to 1. Each word's value vector is
multiplied with its weight, and all of them are added up. The sum is the new vector of the word that asked: a
mixture of what the words have to say, with most of it from those whose keys fit the query best."""

# Companion of T9, a list of two numbers: A word has the scores 0 and ln 3 with two words whose values are (4, 0)
# and (0, 4). What is its new vector?
T9_CHECK = [1, 3]

# T10. Briefly describe multi-headed attention.
T10 = """Attention is done several times side by side, each time with queries, keys and values of its own, which are
a part as long as the model's vectors. So one head can look for the subject of a verb while another looks at the
word before. What the heads found is put side by side again, and one more linear layer mixes it."""

# Companion of T10, a list of four numbers: Attention with 3 heads gets x of shape (2, 5, 12). [What is the length
# of a query in one head? How many maps of attention weights are there for one of the two sequences? How many
# entries has the tensor of all weights? What is the size of the last dimension when the heads are joined again?]
T10_CHECK = [4, 3, 150, 12]
