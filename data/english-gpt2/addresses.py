"""The training text of english-gpt2: presidents' addresses, cleaned and cut into passages.

The text itself is not in the repository; README.md beside this file says what it is and what its hash must be. Any
other plain text with one paragraph a line will do as well, for a try.
"""

import hashlib
import re
from pathlib import Path

SHA256 = "6098bd65f8468986639c304b7e9c5c276cc6648b090d6abdb914ecf093c95558"
HEADING = re.compile(r"^(?:PRESIDENT [^a-z]*'S|ADDRESS) [^a-z]*$")  # the line that opens a State of the Union address
VALIDATION = 12  # one address in so many is kept for validation
PASSAGE = 400  # characters; a passage is as many whole paragraphs as it takes to be longer than this

STRAY = re.compile(r" *[\[(](?:applause|laughter)[^)\]]*[)\]]|THE PRESIDENT: ", re.IGNORECASE)
WEB_PAGE = re.compile(r" +WEB RESOURCES >>\n.*?ALL WEB RESOURCES >>\n", re.DOTALL)
DATE = re.compile(r"[A-Z][a-z]+ \d{1,2}, \d{4}")
PLAIN = {"¡¦": "'", "¡§": '"', "¡¨": '"', "¡X": "--", "¡K": "...", "¡@": " ", "—": "--", "½¢": " 1/2 cents"}


def is_the_text(path: Path) -> bool:
    """Whether the file is the very text that the checkpoint was trained on."""
    return hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


def clean(text: str) -> list[str]:
    """The paragraphs, one a line, without applause, remains of web pages, dates and characters broken on the way.

    Lines in capitals are headings and go too, but for those that open an address: the cut needs them.
    """
    text = WEB_PAGE.sub("", text)
    for broken, plain in PLAIN.items():
        text = text.replace(broken, plain)
    text = STRAY.sub("", text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if HEADING.match(line) or (line.upper() != line and not DATE.fullmatch(line))]


def documents(lines: list[str]) -> list[list[str]]:
    """The paragraphs of each address. All that stands before the first heading, the inaugural ones, is one document."""
    found: list[list[str]] = [[]]
    for line in lines:
        if HEADING.match(line):
            found.append([])
        else:
            found[-1].append(line)
    return [document for document in found if document]


def passages(document: list[str]) -> list[str]:
    """Whole paragraphs, joined by newlines until a passage is long enough; what is left at the end joins the last."""
    found: list[list[str]] = [[]]
    for paragraph in document:
        if sum(map(len, found[-1])) > PASSAGE:
            found.append([])
        found[-1].append(paragraph)
    if len(found) > 1 and sum(map(len, found[-1])) <= PASSAGE:
        found[-2] += found.pop()
    return ["\n".join(paragraphs) for paragraphs in found]


def split(path: Path) -> tuple[list[str], list[str]]:
    """The passages to train on and those to validate on, which come from other addresses.

    Every twelfth address is for validation. A text with fewer addresses than that gives its last twelfth.
    """
    addresses = documents(clean(path.read_text(encoding="utf-8")))
    if len(addresses) > VALIDATION:
        held = addresses[VALIDATION::VALIDATION]
        train = [address for address in addresses if address not in held]
    else:
        paragraphs = [paragraph for address in addresses for paragraph in address]
        cut = len(paragraphs) - max(1, len(paragraphs) // VALIDATION)
        train, held = [paragraphs[:cut]], [paragraphs[cut:]]
    return [p for document in train for p in passages(document)], [p for document in held for p in passages(document)]
