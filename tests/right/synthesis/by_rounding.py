# Right, by someone who rounds to three decimals, writes whole numbers with a point, and answers last questions first.

T10_CHECK = [4.0, 3.0, 150.0, 12.0]
T10 = "More than one attention in parallel, every one on its own slice of the vectors, their outputs concatenated."
T9_CHECK = [1.0, 3.0]
T9 = "Weighted sum of the value vectors; the weights are the normalised scores (softmax)."
T8_CHECK = [1.0, 3.0, 2.0]
T8 = "Dot product of query and key."
T7_CHECK = [3.0, 2.0, 4.0, 1.0, 2.0, 3.0]
T7 = "By three linear layers, trained with the model, one for each of query, key and value."
T6A_CHECK = [99.0, 1.0]
T6A = "Every word that is written may look back at everything written before, hence it can stay consistent with it."
T6_CHECK = [0.333, 0.333, 0.333, 0.0, 0.0]
T6 = (
    "Words compare what they look for (query) with what others offer (key) and take over a share of their content "
    "(value). The mask hides all later words, for the model must not see what it has to predict."
)
T5_CHECK = [80.0, 148.0]
T5 = "The first is masked self-attention (words exchange information), the second a small two-layer network per word."
T4_CHECK = [8.0, 8.0, 8.0, 50.0, 10.0]
T4 = """Input embedding plus position embedding; N identical decoder blocks; output layer, whose softmax is the
prediction."""
T3_CHECK = ["s", "low", "est"]
T3 = "What the tokenizer cuts texts into: pieces, each of which has an id in the vocabulary."
T2_CHECK = [0.33, 0.36]
T2 = (
    "A distribution over the vocabulary, conditioned on the prompt. Greedy decoding picks its maximum each time, "
    "which is deterministic and may miss the best sequence."
)
T1_CHECK = 9.0
T1 = "Coherence needs memory: pronouns, names, plot. Without it, text is only locally plausible."
B3_CHECK = [5.0, 5.0, 18.0]
B3 = (
    "Backpropagation is cut off after k2 steps. Each update is cheap therefore, and the forward state still runs "
    "through. Strictly speaking it does not solve it: whatever is longer than k2 cannot be learned."
)
B2A_CHECK = ["vanishing", "exploding"]
B2A = "Vanishing (sometimes exploding) gradients."
B2_CHECK = 0.0196
B2 = "The chain rule yields a long product of Jacobians, whose norm decays or blows up exponentially; and it is slow."
B1_CHECK = [40.0, 12.0, 16.0]
B1 = "Weights: input to hidden (W_x), hidden to hidden (W_s), hidden to output (W_y)."
R5_CHECK = 0.147
R5 = "End of sequence marker, part of the vocabulary like any other token, telling us to stop generating."
R4_CHECK = 0.462
R4 = "A vector of zeros, usually."
R3B_CHECK = [4.0, 3.0]
R3B = "Four nodes, if we count the question mark."
R3A_CHECK = [0.462, 0.879, 0.2]
R3A = "Every word is embedded, combined with the previous hidden state, and yields the next hidden state."
R3_CHECK = [2.0, 3.0, 4.0]
R3 = "It is processed one token after the other by copies of the same cell, which pass their state to the right."
R2_CHECK = [0.762, 0.363, 0.18]
R2 = "The vector is rewritten at every time step as a function of itself and of the current input; its length is fixed."
R1_CHECK = [3.0, 9.0, 4.0]
R1 = "P(X | Y): X the upcoming token, Y everything that precedes it."
E5_CHECK = ["pre-training", "transfer learning", "multi-task learning"]
E5 = (
    "Pre-training is a first, general training. Transfer learning is to apply its result elsewhere. Multi-task "
    "learning is to have a common representation for several tasks, learned jointly."
)
E4_CHECK = [4.0, 3.0]
E4 = "Sentences need agreement in gender, so the swap of a noun changes the pronouns, in the same way for all nouns."
E3_WATER_BOTTLE_CHECK = [1.0, 2.0, 1.0]
E3_WATER_BOTTLE = "tumbler, hip flask, pitcher (containers for liquids)"
E3_PAIN_CHECK = ["ache", "agony", "sting"]
E3_PAIN = "ache, cramp, misery"
E3_BUTTON_CHECK = 0.949
E3_BUTTON = "knob, lever, switch: what you press or turn"
E3_KING_CHECK = "queen"
E3_KING = "ruler, throne"
E2A_CHECK = 18.0
E2A = "Language modelling itself: whoever predicts the next word well has to know which words resemble each other."
E2_CHECK = 0.7
E2 = (
    "Errors are propagated back into the embedding layer. Interchangeable words receive similar updates, as windows "
    "remain valid when they are exchanged, thus they cluster. The classifier is only a means to that end."
)
E1_CHECK = 38597376.0
E1 = "A dense vector per word, typically 200 to 500 dimensions, in which distances mean similarity of use."
