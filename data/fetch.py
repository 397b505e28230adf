"""Fetches what is too large, or not ours, to be in the repository: the real gpt2 and tiny Shakespeare.

    python data/fetch.py gpt2                            # says what and how much, asks, downloads, checks
    python data/fetch.py tiny-shakespeare --yes          # does not ask
    python data/fetch.py gpt2 --from FOLDER              # takes a copy that you have, checks it the same way
    python data/fetch.py tiny-shakespeare --from FILE

Everything lands in data/fetched/ (git ignores it). A file gets its name there only once its SHA-256 is right. What
was broken off goes on where it was: call it again. Nothing in the unit needs these files; who has no network uses
data/english-gpt2 and data/pastiche in their place.

All addresses are pinned to a commit. Where the hashes are from: tiny Shakespeare's was computed from a copy; those of
gpt2 are what several public projects give for this commit, independently of each other (that of tokenizer_config.json,
one line, was computed again). A copy with other bytes is refused, wherever it comes from.
"""

import argparse
import hashlib
import http.client
import shutil
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

FETCHED = Path(__file__).parent / "fetched"
BLOCK = 1 << 20
ATTEMPTS = 5
GPT2 = "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/"
CHAR_RNN = "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/"


class FetchError(Exception):
    """What went wrong, in whose file, and what to do."""


@dataclass(frozen=True)
class File:
    """One file: its name in the folder, where it is, how large, and the hash of its bytes."""

    name: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """What one word on the command line stands for."""

    about: str
    use: str
    files: tuple[File, ...]


SOURCES = {
    "gpt2": Source(
        about="GPT-2 small (124 million parameters) with its tokenizer, by OpenAI, MIT licence",
        use="AutoModelForCausalLM.from_pretrained(FOLDER), AutoTokenizer.from_pretrained(FOLDER)",
        files=tuple(
            File(name, GPT2 + name, size, sha256)
            for name, size, sha256 in (
                ("config.json", 665, "0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4"),
                ("tokenizer_config.json", 26, "5e04eb606e3a1583530a42e36c2a6b6615c86f34fe77e44d9ddeb43ff940931f"),
                ("vocab.json", 1_042_301, "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"),
                ("merges.txt", 456_318, "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"),
                ("tokenizer.json", 1_355_256, "8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6"),
                ("model.safetensors", 548_105_171, "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707"),
            )
        ),
    ),
    "tiny-shakespeare": Source(
        about="40,000 lines of Shakespeare, as in karpathy/char-rnn; the words are in the public domain",
        use='Path("FOLDER/input.txt").read_text(); on the hub: Trelis/tiny-shakespeare, column Text',
        files=(
            File(
                "input.txt",
                CHAR_RNN + "data/tinyshakespeare/input.txt",
                1_115_394,
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        ),
    ),
}


def hash_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(file: File, path: Path, origin: str) -> None:
    """FetchError unless the bytes at `path` are the file's."""
    if (found := hash_of(path)) != file.sha256:
        size = path.stat().st_size
        raise FetchError(
            f"{origin}: not the {file.name} meant here.\n"
            f"  expected {file.size:,} bytes, SHA-256 {file.sha256}\n"
            f"  found    {size:,} bytes, SHA-256 {found}"
        )


def is_there(file: File, folder: Path) -> bool:
    """Whether the folder has the file, with the right bytes."""
    path = folder / file.name
    return path.is_file() and path.stat().st_size == file.size and hash_of(path) == file.sha256


def place_copy(file: File, origin: Path, folder: Path) -> None:
    """Copies the file from a place on this machine; it gets its name once it is checked."""
    part = folder / f"{file.name}.part"
    shutil.copyfile(origin, part)
    try:
        check(file, part, str(origin))
    except FetchError:
        part.unlink()
        raise
    part.replace(folder / file.name)


def origin_of(file: File, source: Source, given: Path) -> Path:
    """Which file `--from` means: the one given, if the source has one file; else the one of that name in the folder."""
    if given.is_dir():
        given = given / file.name
    elif len(source.files) > 1:
        raise FetchError(f"{given}: needs to be a folder with {', '.join(one.name for one in source.files)}")
    if not given.is_file():
        raise FetchError(f"{given}: there is no such file")
    return given


def download(file: File, folder: Path, wait: float = 2.0) -> None:
    """Downloads the file; what an earlier call got stays in NAME.part and is not asked for again."""
    part = folder / f"{file.name}.part"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            receive(file, part)
            break
        except (OSError, http.client.HTTPException) as error:
            gone = isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 500
            if gone or attempt == ATTEMPTS:
                raise FetchError(
                    f"{file.url}: {error}\n  What is there stays in {part.name}; call it again to go on."
                ) from error
            print(f"  {error}; going on in {wait:g} s (attempt {attempt + 1} of {ATTEMPTS})")
            time.sleep(wait)
    try:
        check(file, part, file.url)
    except FetchError:
        part.unlink()
        raise
    part.replace(folder / file.name)


def receive(file: File, part: Path) -> None:
    """Appends to `part` what it lacks; ConnectionError if the line broke off before the end."""
    have = part.stat().st_size if part.exists() else 0
    if have > file.size:
        part.unlink()
        have = 0
    if have == file.size:
        return
    request = urllib.request.Request(file.url, headers={"User-Agent": "fetch.py"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=60) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise ConnectionError("the server sent another part than was asked for")
        if have and resumed:
            print(f"  goes on after {megabytes(have)}")
        have = have if resumed else 0
        with part.open("ab" if resumed else "wb") as target:
            while block := answer.read(BLOCK):
                target.write(block)
                have += len(block)
                show(have, file.size)
                if have > file.size:
                    return
    if have < file.size:
        raise ConnectionError(f"broke off after {megabytes(have)} of {megabytes(file.size)}")


def show(have: int, size: int) -> None:
    """How far it is, where a person looks."""
    if sys.stdout.isatty():
        print(f"\r  {have / size:4.0%} of {megabytes(size)}", end="\n" if have >= size else "", flush=True)


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def agreed(source: Source, missing: list[File], folder: Path, yes: bool) -> bool:
    """Says what will be downloaded, and asks."""
    total = sum(file.size for file in missing)
    print(f"{source.about}\nTo download into {folder}: {megabytes(total)}")
    for file in missing:
        print(f"  {file.name:<22}{megabytes(file.size):>12}")
    print(f"from {missing[0].url.removesuffix(missing[0].name)}")
    free = shutil.disk_usage(folder).free
    if free < total:
        raise FetchError(f"{folder}: {megabytes(free)} free, {megabytes(total)} needed")
    if yes:
        return True
    try:
        return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print("\nNobody there to ask: add --yes to download.")
        return False


def fetch(source: Source, folder: Path, given: Path | None = None, yes: bool = False) -> bool:
    """Brings the source's files into the folder; False if the person said no."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in source.files if not is_there(file, folder)]
    if given is not None:
        for file, origin in [(file, origin_of(file, source, given)) for file in missing]:
            place_copy(file, origin, folder)
            print(f"  {file.name}: copied, SHA-256 as it should be")
    elif missing and not agreed(source, missing, folder, yes):
        return False
    else:
        for file in missing:
            print(file.name)
            download(file, folder)
            print("  SHA-256 as it should be")
    if not missing:
        print(f"{folder}: all there, SHA-256 as it should be")
    print(f"Use it: {source.use.replace('FOLDER', str(folder))}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetches the real gpt2 or tiny Shakespeare into data/fetched/.")
    parser.add_argument("what", choices=sorted(SOURCES))
    parser.add_argument("--from", dest="given", type=Path, metavar="FILE_OR_FOLDER", help="take this copy, no network")
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--into", type=Path, default=FETCHED, help="where to (default: data/fetched)")
    arguments = parser.parse_args()
    try:
        done = fetch(SOURCES[arguments.what], arguments.into / arguments.what, arguments.given, arguments.yes)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
