"""The student's desk: checks with the public tests. Nothing is hidden here, and nothing earns marks.

    check     `autograder check`: each topic's public tests on the student's own file
    start     how it begins: which topics, and the process that their code will run in
    forked    the same check in a fork of that process, so that libraries are imported once
    watch     the same again whenever a file is saved
    answers   what it says of written answers: whether each has the form that is asked for
    cells     what it says of a notebook's cell that failed
    checked   what a check found, and what is different from the one before
    target    the code of a topic as it runs here
    plugin    the public tests in an editor's panel, with pytest alone
    kernel    an exercise's tests on what a running notebook holds

A student's copy of the engine is this folder and what it imports.
"""
