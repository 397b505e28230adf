"""Questions on birds."""

# Q1. Why do some birds fly south in autumn?
Q1 = "TODO"

# Companion of Q1, a number: how far is 3 days at 200.5 km a day?
Q1_CHECK = None

# Q2. What does a bird steer with?
Q2 = "TODO"

# Companion of Q2, two words.
Q2_CHECK = None

# Q3. How are eggs counted?
Q3 = "TODO"

# Companion of Q3, a list of numbers.
Q3_CHECK = None
