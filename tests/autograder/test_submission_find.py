"""Whose is what: folders, zips and lone files of one student or of a class, as platforms and people make them."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.submission import Submission, find_submissions

UNIT = ("attention.py", "gpt.py", "lm_starter_code.ipynb")
A, G = b"attention = 1\n", b"gpt = 1\n"
NONE_FOUND = "none of attention.py, gpt.py, lm_starter_code.ipynb found"


def put(root: Path, *paths: str, data: bytes = A) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def one(path: Path, form: str = "auto") -> Submission:
    (submission,) = find_submissions([path], UNIT, form)
    return submission


def students(*paths: Path, form: str = "auto") -> dict[str, list[str]]:
    return {each.student: list(each.files) for each in find_submissions(paths, UNIT, form)}


@pytest.mark.parametrize(
    "layout",
    [
        ["attention.py"],
        ["assignments/attention.py"],
        ["hw/attention.py"],
        ["hw/assignments/attention.py"],
        ["a/b/c/d/attention.py"],
        ["hw/attention.py", "__MACOSX/hw/._attention.py", ".DS_Store", "hw/.DS_Store"],
        ["hw/attention.py", ".git/config", ".venv/bin/python", "__pycache__/x.pyc", ".idea/x.xml"],
        [
            "repo-main/README.md",
            "repo-main/.github/w.yml",
            "repo-main/assignments/attention.py",
            "repo-main/data/x.txt",
        ],
        ["hw/attention.py", "report.pdf"],
        ["attention.py/attention.py"],  # what some unpackers make of attention.py.zip
    ],
    ids=lambda layout: layout[0],
)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_one_student_is_found_through_what_wraps_the_files(tmp_path: Path, layout: list[str], packed: bool) -> None:
    if packed:
        path = tmp_path / "alice.zip"
        path.write_bytes(zipped(dict.fromkeys(layout, A)))
    else:
        path = put(tmp_path / "alice", *layout)
    found = one(path)
    assert (found.student, dict(found.files), found.problems) == ("alice", {"attention.py": A}, ())
    assert found.gradable
    assert found.readable
    assert found.source == path


def test_files_at_the_top_and_in_assignments_come_together(tmp_path: Path) -> None:
    put(tmp_path / "alice", "attention.py", "assignments/gpt.py", "assignments/lm_starter_code.ipynb")
    found = one(tmp_path / "alice")
    assert list(found.files) == list(UNIT)
    assert found.problems == ()


def test_of_two_copies_the_one_at_the_top_wins_and_it_is_told(tmp_path: Path) -> None:
    put(tmp_path / "alice", "assignments/attention.py", data=b"old = 1\n")
    put(tmp_path / "alice", "attention.py")
    found = one(tmp_path / "alice")
    assert found.files["attention.py"] == A
    assert found.problems == (
        "assignments/attention.py is not taken: another attention.py was found before it; hand in one",
    )


def test_other_files_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path / "alice", "attention.py", "conftest.py", "torch.py", "sitecustomize.py", "pytest.ini")
    assert list(one(tmp_path / "alice").files) == ["attention.py"]


def test_a_lone_file_is_its_folders(tmp_path: Path) -> None:
    put(tmp_path / "alice", "attention.py", "gpt.py")
    assert students(tmp_path / "alice" / "attention.py") == {"alice": ["attention.py"]}
    assert students(tmp_path / "alice" / "gpt.py", tmp_path / "alice" / "attention.py") == {
        "alice": ["attention.py", "gpt.py"]
    }


def test_the_current_folder_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "alice", "attention.py")
    monkeypatch.chdir(tmp_path / "alice")
    assert students(Path()) == students(Path("../alice/")) == {"alice": ["attention.py"]}


def test_a_class_has_one_entry_a_student_in_order_of_names(tmp_path: Path) -> None:
    put(tmp_path, "bob/attention.py", "Alice/hw/gpt.py", "zoe/assignments/gpt.py", "README.txt", "grades.xlsx")
    put(tmp_path, "carol.zip", data=zipped({"hw/attention.py": A}))
    put(tmp_path, "erin_attention.py", "erin-gpt.py", "erin_helper.py")
    found = find_submissions([tmp_path], UNIT)
    assert {each.student: list(each.files) for each in found} == {
        "Alice": ["gpt.py"],
        "bob": ["attention.py"],
        "carol": ["attention.py"],
        "erin": ["attention.py", "gpt.py"],
        "zoe": ["gpt.py"],
    }
    assert [each.student for each in found] == ["Alice", "bob", "carol", "erin", "zoe"]
    assert all(each.problems == () for each in found)


def test_a_class_in_a_zip_may_hold_zips_once(tmp_path: Path) -> None:
    inner = zipped({"hw/attention.py": A})
    path = put(tmp_path, "class.zip", data=zipped({"all/a.zip": inner, "all/b/x/gpt.py": G, "all/c_gpt.py": G}))
    found = find_submissions([path / "class.zip"], UNIT)
    assert {each.student: list(each.files) for each in found} == {
        "a": ["attention.py"],
        "b": ["gpt.py"],
        "c": ["gpt.py"],
    }
    assert [str(each.source.relative_to(tmp_path)) for each in found] == [
        "class.zip/a.zip",
        "class.zip/b",
        "class.zip/c_gpt.py",
    ]


def test_a_zip_in_a_zip_in_a_zip_is_told(tmp_path: Path) -> None:
    deep = zipped({"c.zip": zipped({"b.zip": zipped({"attention.py": A})})})
    found = one(put(tmp_path, "class.zip", data=deep) / "class.zip")
    assert found.problems == ("b.zip is not looked into; hand in one zip, or the files themselves", NONE_FOUND)


def test_canvas_lone_files_of_one_id_are_one_student_and_the_newest_wins(tmp_path: Path) -> None:
    put(tmp_path, "doejane_1234_100_attention.py", data=b"old = 1\n")
    put(tmp_path, "doejane_LATE_1234_300_attention-2.py")
    put(tmp_path, "doejane_LATE_1234_200_attention-1.py", data=b"middle = 1\n")
    put(tmp_path, "doejane_1234_101_gpt.py", data=G)
    put(tmp_path, "doejane_1235_103_gpt.py")  # another student of that name
    put(tmp_path, "roejohn_77_104_hw.zip", data=zipped({"attention.py": A}))
    put(tmp_path, "poejim_78_105_report.pdf")
    found = {each.student: each for each in find_submissions([tmp_path], UNIT)}
    assert {name: list(each.files) for name, each in found.items()} == {
        "doejane_1234": ["attention.py", "gpt.py"],
        "doejane_1235": ["gpt.py"],
        "roejohn_77": ["attention.py"],
        "poejim_78": [],
    }
    assert found["doejane_1234"].files["attention.py"] == A
    assert found["doejane_1234"].problems == ()
    assert found["poejim_78"].problems == (NONE_FOUND,)
    globbed = find_submissions(sorted(tmp_path.iterdir()), UNIT)
    assert globbed == find_submissions([tmp_path], UNIT)


def test_the_longest_name_of_a_file_is_meant(tmp_path: Path) -> None:
    put(tmp_path, "bob_lm_starter_code-1.ipynb", "bob-attention (2).py")
    (found,) = find_submissions([tmp_path], ["code.ipynb", *UNIT])
    assert (found.student, list(found.files)) == ("bob", ["attention.py", "lm_starter_code.ipynb"])


def test_canvas_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    put(tmp_path, "doe_1_9_attention-9.py", data=b"old = 1\n")
    put(tmp_path, "doe_1_10_attention-10.py")
    assert one(tmp_path).files["attention.py"] == A


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("wrapper", ["", "CS101-Assignment 2-4711/"])
def test_moodle_folders_and_files_are_named_for_name_and_id(tmp_path: Path, packed: bool, wrapper: str) -> None:
    members = {
        "Jané Dœ_123_assignsubmission_file_/attention.py": A,
        "Jané Dœ_123_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
        "Max O'Neil_124_assignsubmission_file/hw.zip": zipped({"gpt.py": G}),
        "Li_125_assignsubmission_file_gpt.py": G,
    }
    members = {wrapper + name: data for name, data in members.items()}
    if packed:
        path = put(tmp_path, "class.zip", data=zipped(members)) / "class.zip"
    else:
        path = tmp_path / "class"
        for name, data in members.items():
            put(path, name, data=data)
    assert students(path) == {"Jané Dœ_123": ["attention.py"], "Li_125": ["gpt.py"], "Max O'Neil_124": ["gpt.py"]}


def test_a_moodle_class_of_one_is_a_class(tmp_path: Path) -> None:
    put(tmp_path / "all", "Jane Doe_123_assignsubmission_file_/attention.py")
    assert students(tmp_path / "all") == {"Jane Doe_123": ["attention.py"]}
    assert students(tmp_path / "all" / "Jane Doe_123_assignsubmission_file_") == {"Jane Doe_123": ["attention.py"]}


def test_gradescope_folders_are_students_and_the_metadata_is_not(tmp_path: Path) -> None:
    put(tmp_path / "export", "assignment_7_export/submission_123456789/attention.py")
    assert students(tmp_path / "export") == {"submission_123456789": ["attention.py"]}
    put(tmp_path / "export", "assignment_7_export/submission_metadata.yml", data=b"{}")
    assert students(tmp_path / "export") == {"submission_123456789": ["attention.py"]}
    put(tmp_path / "export", "assignment_7_export/submission_123456790/notes.txt")
    assert students(tmp_path / "export") == {"submission_123456789": ["attention.py"], "submission_123456790": []}
    inside = sorted((tmp_path / "export" / "assignment_7_export").iterdir())
    assert list(students(*inside)) == ["submission_123456789", "submission_123456790"]


def test_the_form_decides_where_looking_is_wrong(tmp_path: Path) -> None:
    put(tmp_path / "subs", "alice/attention.py")
    assert students(tmp_path / "subs") == {"subs": ["attention.py"]}
    assert students(tmp_path / "subs", form="class") == {"alice": ["attention.py"]}
    put(tmp_path / "subs", "bob/gpt.py")
    assert students(tmp_path / "subs") == {"alice": ["attention.py"], "bob": ["gpt.py"]}
    found = one(tmp_path / "subs", "one")
    assert (found.student, list(found.files)) == ("subs", [])
    assert "the files in alice/ are not taken; hand them in outside of that folder" in found.problems
    put(tmp_path / "subs", "attention.py")
    assert students(tmp_path / "subs") == {"subs": ["attention.py"]}
    assert list(students(tmp_path / "subs", form="class")) == ["alice", "bob", "subs"]


def test_nothing_found_is_a_submission_that_cannot_be_graded(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path / "prose", "essay.docx")
    for name in ("empty", "prose"):
        found = one(tmp_path / name)
        assert (found.student, found.problems, found.gradable, found.readable) == (name, (NONE_FOUND,), False, True)
    put(tmp_path, "full/attention.py")
    assert list(students(tmp_path)) == ["empty", "full", "prose"]


def test_no_such_path_is_the_command_lines_fault(tmp_path: Path) -> None:
    put(tmp_path, "alice/attention.py")
    with pytest.raises(UsageError) as error:
        find_submissions([tmp_path / "alice", tmp_path / "bob"], UNIT)
    assert str(error.value) == f"{tmp_path / 'bob'}: No such file or directory"
    (tmp_path / "nobody").mkdir()
    with pytest.raises(UsageError, match="nobody: no submissions in it"):
        find_submissions([tmp_path / "nobody"], UNIT, "class")


def test_a_path_named_twice_counts_once(tmp_path: Path) -> None:
    put(tmp_path, "alice/attention.py")
    assert students(tmp_path / "alice", tmp_path / "alice" / "..", form="one") == {
        "alice": ["attention.py"],
        tmp_path.name: ["attention.py"],
    }
    assert len(find_submissions([tmp_path / "alice", tmp_path / "x" / ".." / "alice"], UNIT)) == 1


def test_two_students_of_one_name_stay_two(tmp_path: Path) -> None:
    for place in "abc":
        put(tmp_path / place, "alice.zip", data=zipped({"attention.py": place.encode()}))
    paths = [tmp_path / place / "alice.zip" for place in "abc"]
    found = find_submissions(paths, UNIT)
    assert [(each.student, each.files["attention.py"]) for each in found] == [
        ("alice", b"a"),
        ("alice-2", b"b"),
        ("alice-3", b"c"),
    ]
    assert find_submissions(reversed(paths), UNIT) == found  # whatever the order of the paths


def test_names_that_are_nearly_right_are_told(tmp_path: Path) -> None:
    put(tmp_path / "alice", "attention (1).py", "gpt.py")
    assert one(tmp_path / "alice").problems == (
        "attention (1).py is not taken; if it is the right one, call it attention.py",
    )
    put(tmp_path / "bob", "Attention.py")
    found = one(tmp_path / "bob")
    assert list(found.files) == ["attention.py"]
    assert found.problems == ("Attention.py is taken as attention.py; its name must be written like that",)


def test_the_hash_is_of_the_files_alone(tmp_path: Path) -> None:
    put(tmp_path / "alice", "assignments/attention.py", "gpt.py")
    put(tmp_path / "bob", "hw/attention.py", "hw/gpt.py", "hw/notes.txt")
    put(tmp_path / "carol", "attention.py")
    alice, bob, carol = (one(tmp_path / name) for name in ("alice", "bob", "carol"))
    assert alice.sha256 == bob.sha256 != carol.sha256
    assert alice.topic_sha256(["attention.py"]) == carol.sha256 == carol.topic_sha256(UNIT)
    assert alice.topic_sha256(["gpt.py"]) != carol.sha256  # the same bytes under another name


def test_the_hash_keeps_names_and_bytes_apart() -> None:
    def of(files: dict[str, bytes]) -> str:
        return Submission("x", Path("x"), files).sha256

    assert len({of({}), of({"a": b"bc"}), of({"ab": b"c"}), of({"a": b"b", "c": b""}), of({"a": b"", "c": b"b"})}) == 5
    assert of({"a": b"1", "b": b"2"}) == of({"b": b"2", "a": b"1"})


def test_files_are_written_as_they_came_and_links_are_not_followed(tmp_path: Path) -> None:
    data = b"\xff\xfe\x00\r\n not text\n"
    put(tmp_path / "alice", "attention.py", "gpt.py", data=data)
    (tmp_path / "alice" / "attention.py").chmod(0o755)
    target = tmp_path / "out" / "deep"
    found = one(tmp_path / "alice")
    umask = os.umask(0o077)
    try:
        found.write_to(target)
        found.write_to(target)  # again, over itself
    finally:
        os.umask(umask)
    assert sorted(path.name for path in target.iterdir()) == ["attention.py", "gpt.py"]
    assert (target / "attention.py").read_bytes() == data
    assert (target / "attention.py").stat().st_mode & 0o777 == 0o644
    (tmp_path / "marks").write_text("100")
    (target / "gpt.py").unlink()
    (target / "gpt.py").symlink_to(tmp_path / "marks")
    with pytest.raises(OSError, match=r"gpt\.py"):
        found.write_to(target)
    assert (tmp_path / "marks").read_text() == "100"


def test_what_lies_beside_a_students_folder_hides_nothing_and_is_told(tmp_path: Path) -> None:
    put(tmp_path / "bob", "attention.py")
    put(tmp_path / "carol", "hw/attention.py", "old.zip", "older.rar")
    put(tmp_path / "dave", "data/x.csv")
    put(tmp_path / "dave", "hw.zip", data=zipped({"attention.py": A}))
    _, carol, dave = find_submissions([tmp_path], UNIT)
    assert list(carol.files) == ["attention.py"]
    assert carol.problems == (
        "old.zip is not looked into; hand in one zip, or the files themselves",
        "older.rar is an archive that is not read here; hand in a .zip or the files",
    )
    assert dave.problems == ("hw.zip is not looked into; hand in one zip, or the files themselves", NONE_FOUND)
