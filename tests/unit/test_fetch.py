"""data/fetch.py: what it downloads is checked, goes on where it broke off, and is never taken for more than it is.

A server on this machine plays the hub; nothing here uses the network.
"""

import hashlib
import importlib.util
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
specification = importlib.util.spec_from_file_location("data_fetch", ROOT / "data" / "fetch.py")
fetch = sys.modules["data_fetch"] = importlib.util.module_from_spec(specification)
specification.loader.exec_module(fetch)

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """Serves /right, /wrong (other bytes), /short (breaks off), /deaf (knows no ranges); all else is missing."""

    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.path != "/deaf" else 0
        if self.path not in ("/right", "/wrong", "/short", "/deaf"):
            self.send_error(404)
            return
        body = (CONTENT[::-1] if self.path == "/wrong" else CONTENT)[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:100_000] if self.path == "/short" else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub():
    Hub.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def source(hub, path, names=("model.bin",)):
    files = tuple(fetch.File(name, hub + path, len(CONTENT), SHA256) for name in names)
    return fetch.Source(about="A thing", use="open FOLDER", files=files)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_once_its_hash_is_right(hub, tmp_path, capsys):
    assert fetch.fetch(source(hub, "/right"), tmp_path, yes=True)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert left(tmp_path) == ["model.bin"]
    assert "model.bin" in capsys.readouterr().out


def test_what_is_there_is_not_downloaded_again(hub, tmp_path, capsys):
    (tmp_path / "model.bin").write_bytes(CONTENT)
    assert fetch.fetch(source(hub, "/right"), tmp_path)
    assert Hub.asked == []
    assert "all there" in capsys.readouterr().out


def test_a_broken_off_download_goes_on_where_it_was(hub, tmp_path):
    (tmp_path / "model.bin.part").write_bytes(CONTENT[:77_777])
    fetch.download(source(hub, "/right").files[0], tmp_path)
    assert Hub.asked == [("/right", "bytes=77777-")]
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_a_line_that_breaks_is_taken_up_again_in_the_same_call(hub, tmp_path):
    fetch.download(source(hub, "/short").files[0], tmp_path, wait=0)
    assert [wanted for _, wanted in Hub.asked] == [None, "bytes=100000-", "bytes=200000-"]
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_start(hub, tmp_path):
    (tmp_path / "model.bin.part").write_bytes(b"?" * 1000)
    fetch.download(source(hub, "/deaf").files[0], tmp_path)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_not_kept(hub, tmp_path):
    with pytest.raises(fetch.FetchError, match=f"(?s)not the model.bin.*expected.*{SHA256}.*found"):
        fetch.download(source(hub, "/wrong").files[0], tmp_path)
    assert left(tmp_path) == []


def test_a_false_start_is_found_out_by_the_hash(hub, tmp_path):
    (tmp_path / "model.bin.part").write_bytes(b"?" * 1000)
    with pytest.raises(fetch.FetchError, match=r"not the model\.bin"):
        fetch.download(source(hub, "/right").files[0], tmp_path)
    assert left(tmp_path) == []


def test_a_missing_file_is_asked_for_once_and_named(hub, tmp_path):
    with pytest.raises(fetch.FetchError, match=r"/nowhere.*404"):
        fetch.download(source(hub, "/nowhere").files[0], tmp_path, wait=0)
    assert len(Hub.asked) == 1


def test_it_says_how_much_and_asks_before_it_downloads(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert not fetch.fetch(source(hub, "/right"), tmp_path)
    assert Hub.asked == []
    assert "0.3 MB" in capsys.readouterr().out


def test_nobody_there_to_ask_means_no(hub, tmp_path, monkeypatch, capsys):
    def nobody(_):
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert not fetch.fetch(source(hub, "/right"), tmp_path)
    assert "--yes" in capsys.readouterr().out


def test_a_local_copy_is_checked_the_same_way(hub, tmp_path):
    copy, folder = tmp_path / "any name", tmp_path / "into"
    copy.write_bytes(CONTENT)
    assert fetch.fetch(source(hub, "/right"), folder, given=copy)
    assert (folder / "model.bin").read_bytes() == CONTENT
    (folder / "model.bin").unlink()
    copy.write_bytes(CONTENT[:-1])
    with pytest.raises(fetch.FetchError, match=r"any name: not the model\.bin"):
        fetch.fetch(source(hub, "/right"), folder, given=copy)
    assert left(folder) == []
    assert Hub.asked == []


def test_several_files_come_from_a_folder_and_a_missing_one_is_named(hub, tmp_path):
    two, folder = source(hub, "/right", ("a", "b")), tmp_path / "copy"
    folder.mkdir()
    (folder / "a").write_bytes(CONTENT)
    with pytest.raises(fetch.FetchError, match=r"b: there is no such file"):
        fetch.fetch(two, tmp_path / "into", given=folder)
    with pytest.raises(fetch.FetchError, match="needs to be a folder with a, b"):
        fetch.fetch(two, tmp_path / "into", given=folder / "a")
    (folder / "b").write_bytes(CONTENT)
    assert fetch.fetch(two, tmp_path / "into", given=folder)
    assert left(tmp_path / "into") == ["a", "b"]


@pytest.mark.parametrize("name", fetch.SOURCES)
def test_every_real_file_is_pinned_and_has_a_hash(name):
    for file in fetch.SOURCES[name].files:
        assert file.url.startswith("https://")
        assert len(file.sha256) == 64
        assert file.size > 0
        assert not {"main", "master"} & set(file.url.split("/")), "pinned to a commit, not to a branch that moves"
