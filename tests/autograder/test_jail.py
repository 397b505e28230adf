"""What a student's process can reach while hidden tests run: its scratch folder and Python, no other file."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

landlockpy = pytest.importorskip("landlockpy", reason="isolation: no Landlock on this system")
pytestmark = pytest.mark.skipif(
    not landlockpy.supported(), reason="isolation: this kernel has no Landlock: the layer is not tried"
)

RIGHT = """
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts
"""

# Each tries something that is not allowed. Where it gets through, count_words works, and marks tell.
ATTACKS = {
    "read a hidden test": "open({unit!r} + '/tests/hidden/test_words.py').read()",
    "read the solution": "open({unit!r} + '/solutions/words.py').read()",
    "list the hidden tests": "os.listdir({unit!r} + '/tests/hidden')",
    "import the solution": "SourceFileLoader('w', {unit!r} + '/solutions/words.py').load_module()",
    "read the seeds' secret": "open({out!r} + '/seed.secret').read()",
    "read a neighbour's report": "open({out!r} + '/neighbour/results.json').read()",
    "read a neighbour's work": "open({neighbour!r}).read()",
    "read the passwords": "open('/etc/passwd').read()",
    "read the grader's environment": "open(f'/proc/{{os.getppid()}}/environ', 'rb').read()",
    "read its own environment": "open('/proc/self/environ', 'rb').read()",
    "write into the results": "open({out!r} + '/grades.csv', 'w')",
    "write to /tmp": "open('/tmp/left-behind-' + str(os.getpid()), 'w')",
    "write into shared memory": "open('/dev/shm/left-behind-' + str(os.getpid()), 'w')",
    "change a library": "open(os.__file__, 'a')",
    "make a link to a hidden test": "os.symlink({unit!r} + '/tests/hidden/test_words.py', 'link.py')",
    "make a pipe in the folder": "os.mkfifo('pipe')",
    "start a program": "__import__('subprocess').run(['/bin/true'], check=True)",
    "connect to a port": "__import__('socket').create_connection(('127.0.0.1', {port}), timeout=5)",
    "listen on a port": "__import__('socket').create_server(('127.0.0.1', 0))",
}
IMPORTS = "import os, sys\nfrom importlib.machinery import SourceFileLoader\n\n"
ALLOWED = {
    "write in its own folder": "open('mine.txt', 'w').write('x'); assert open('mine.txt').read() == 'x'",
    "make a folder in scratch": "os.makedirs('../deep/deeper', exist_ok=True)",
    "use a temporary file": "import tempfile; tempfile.TemporaryFile().write(b'x')",
    "import what is installed": "import sqlite3, xml.etree.ElementTree, yaml",
    "draw random bytes": "os.urandom(8)",
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A unit, results and a neighbour to attack: (folder, what the attacks want to know)."""
    folder = tmp_path_factory.mktemp("jail")
    unit = copytree(Path(__file__).with_name("tiny_unit"), folder / "unit")
    (folder / "out" / "neighbour").mkdir(parents=True)
    (folder / "out" / "neighbour" / "results.json").write_text("{}")
    (folder / "out" / "grades.csv").write_text("student\n")
    (folder / "out" / "seed.secret").write_text("0" * 64)
    neighbour = folder / "class" / "neighbour" / "words.py"
    neighbour.parent.mkdir(parents=True)
    neighbour.write_text("x = 1\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield folder, {"unit": str(unit), "out": str(folder / "out"), "port": port, "neighbour": str(neighbour)}


@pytest.fixture(scope="module")
def marks(ground, autograder, read_results):
    """For each attempt: the marks of count_words, which works once the attempt has got through."""
    folder, known = ground
    codes = [*(attack.format(**known) for attack in ATTACKS.values()), *ALLOWED.values()]
    for number, code in enumerate(codes):
        (folder / "class" / str(number)).mkdir()
        source = f"{IMPORTS}def count_words(text):\n    {code}{RIGHT}"
        (folder / "class" / str(number) / "words.py").write_text(source)
    autograder("grade", folder / "class", "--out", folder / "out", cwd=folder / "unit")
    found = read_results(folder / "out")
    names = [*ATTACKS, *ALLOWED]
    return {names[int(student)]: result["items"][0]["score"] for student, result in found.items() if student.isdigit()}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_allowed_is_refused(marks, attack):
    assert marks[attack] == 0


@pytest.mark.parametrize("attempt", ALLOWED)
def test_what_is_allowed_works(marks, attempt):
    assert marks[attempt] == 1


@pytest.mark.parametrize("attack", ATTACKS)
def test_without_the_jail_each_attack_gets_through(ground, tmp_path, attack):
    """So that what is refused above is refused by the jail, and not for a slip of the attack."""
    _, known = ground
    if attack == "change a library" and not os.access(os.__file__, os.W_OK):
        pytest.skip("isolation: this Python's files are another user's in any case")
    code = f"{IMPORTS}import warnings\nwarnings.simplefilter('ignore')\n{ATTACKS[attack].format(**known)}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    for left in [*Path("/tmp").glob("left-behind-*"), *Path("/dev/shm").glob("left-behind-*")]:
        left.unlink()
    assert done.returncode == 0, done.stderr


def test_nothing_was_left_behind(marks):
    for folder in ("/tmp", "/dev/shm"):
        assert not [name for name in os.listdir(folder) if name.startswith("left-behind-")]
