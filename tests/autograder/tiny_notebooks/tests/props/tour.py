"""What tests hand in."""


def poem(path):
    return open(path, encoding="utf-8")  # noqa: SIM115  # the code under test reads it
