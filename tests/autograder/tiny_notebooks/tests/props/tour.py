"""What tests hand in."""


def poem(path):
    return open(path, encoding="utf-8")  # the code under test reads it
