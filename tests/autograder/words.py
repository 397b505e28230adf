"""The topic of the tiny unit, for tests that write submissions of it, and mistakes that may be made in it."""

from pathlib import Path

TINY_UNIT = Path(__file__).with_name("tiny_unit")
SOLUTION = (TINY_UNIT / "solutions" / "words.py").read_text(encoding="utf-8")

CASE_COUNTS = """\
- id: case_counts
  item: words.count_words
  edits: [{replace: "text.lower().split()", by: "text.split()"}]
  says: Upper case and lower case are counted apart.
  hint: What becomes of Oak and oak?
  common: true
"""
TIES_BY_PLACE = """\
- id: ties_by_place
  item: words.most_common
  edits: [{replace: "(-counts[word], word)", by: "-counts[word]"}]
  says: Of words that stand equally often, the one that stands first is given.
  hint: Which one does the docstring want?
"""
