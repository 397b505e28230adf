"""The seed of each test of each submission: the same on every run and every machine, and unknown to students.

seed = keyed hash(secret, hash of the topic's file as taken in, test). The secret is the environment variable
AUTOGRADER_SECRET or a file beside the results that only the owner can read, made on the first run.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from autograder.errors import UsageError

VARIABLE = "AUTOGRADER_SECRET"
FILE_NAME = "seed.secret"


def secret_for(folder: Path) -> bytes:
    """The secret for the results in `folder`."""
    given = os.environ.get(VARIABLE)
    if given:
        return given.encode()
    path = folder / FILE_NAME
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
    except FileExistsError:
        pass
    secret = path.read_bytes().strip()
    if len(secret) < 16:
        raise UsageError(f"{path}: holds no secret; delete it and run again, or put the old one back")
    return secret


def seed_for(secret: bytes, submission: str, test: str) -> int:
    """A seed of 63 bits. `submission` is the hash of the topic's file, `test` the test's id."""
    digest = hmac.digest(secret, f"{submission}\0{test}".encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> 1
