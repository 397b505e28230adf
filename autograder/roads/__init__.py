"""Other people's graders: what runs there, and answers with the marks of ours.

one          grades what one student handed in, as every road does
gradescope   Gradescope's run_autograder: results.json
otter        a plugin of otter-grader: its questions, answered by our engine
"""
