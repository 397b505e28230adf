"""Written answers for people who read them: a page in the browser, on this machine alone.

    material    the questions, and what each student of the class wrote
    likeness    which answers are like each other: they are sorted by it, and never marked
    evidence    suggestions, where words of the rubric stand in an answer
    agreement   how far two readers agree
    exchange    decisions as CSV, out and in
    access      who may talk to the server
    server      the pages and what they ask for
    command     `autograder review`

Flask, waitress and RapidFuzz are imported here alone: `pip install autograder[review]`.
"""
