"""What keeps the machine safe and clean: whether students' code can be kept apart here, and what it leaves behind.

    isolation  which layers hold, found by trying, and whether they are enough for hidden tests
    doctor     `autograder doctor`, which tells it
    container  `grade --in-docker`, for machines where they are not
    temporary  one folder for everything temporary of a command
    removal    removing a folder that a student's code has filled

The layers themselves are put on in the student's process: `autograder.student.jail`.
"""
