"""Questions on birds."""

# Q1. Why do some birds fly south in autumn?
Q1 = """Because there is too little food for them in winter; the cold alone
many of them would bear."""

# Companion of Q1, a number: how far is 3 days at 200.5 km a day?
Q1_CHECK = 601.5

# Q2. What does a bird steer with?
Q2 = "The tail."

# Companion of Q2, two words.
Q2_CHECK = ["wing", "tail"]

# Q3. How are eggs counted?
Q3 = "One takes them out of the nest, one after the other, and puts them back."

# Companion of Q3, a list of numbers.
Q3_CHECK = [1, 2, 4]
