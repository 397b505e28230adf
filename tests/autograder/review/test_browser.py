"""The pages for readers in headless Chromium: by keyboard, two at once, through a crash, with axe, under attack."""

import json
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from autograder.gradebook import reading
from autograder.gradebook.decisions import history, latest

pytest.importorskip("selenium", reason="selenium is not installed: the pages are not tried in a browser")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

WAIT = 60  # seconds for something that is bound to come; a test that is right never waits for long
QUESTIONS = ("birds.Q1", "birds.Q2", "birds.Q3")
Q1 = QUESTIONS[0]
EVIL = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'><form action=/><button>Go</button></form>"
KINDS = (
    "They leave because there is too little food where they live.",
    "In winter the days are short, which is why they travel to the south.",
    "It is an instinct of theirs, and every young bird has it from birth.",
    "Nobody knows; perhaps because the others do it as well.",
)


def class_of(number):
    """Each answer is one of four, but for a word; each fourth one names the food."""
    return {
        f"student{index:02}": {f"Q{question}": f"{KINDS[(index + question) % 4]} ({index})" for question in (1, 2, 3)}
        for index in range(number)
    }


class Page:
    """A browser with one reader's eyes and fingers."""

    def __init__(self, driver):
        self.driver = driver
        self.base = ""

    def log_in(self, server, reader):
        self.base = server.base
        self.driver.get(server.addresses[reader])
        assert "token" not in self.driver.current_url

    def open(self, item, options=""):
        self.driver.get(f"{self.base}/read/{item}{options}")
        self.until(lambda: self.driver.execute_script("return document.querySelector('main').dataset.ready"))

    def until(self, true):
        return WebDriverWait(self.driver, WAIT, poll_frequency=0.02).until(lambda _: true())

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def at(self, id):
        return self.driver.find_element(By.ID, id)

    def text(self, id):
        return self.driver.execute_script("return document.getElementById(arguments[0]).textContent", id)

    def saved(self):
        self.until(lambda: self.text("saved") in ("Saved", "That was the last one.", "Undone") and self.idle())

    def idle(self):
        return self.driver.execute_script("return document.querySelector('main').dataset.saving") != "true"

    def shown(self):
        """What a reload must show again."""
        pressed = self.driver.find_elements(By.CSS_SELECTOR, "#rubric [aria-pressed=true]")
        given = [each.get_attribute("data-concept") for each in pressed]
        note = self.at("note").get_property("value")
        return self.text("which"), self.text("text"), self.text("left"), self.text("points"), given, note

    def asked_for(self):
        """The addresses of all requests since it was asked last."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        return [address for address in sent if not address.startswith(("data:", "chrome:", "about:"))]


@pytest.fixture
def pages(drivers):
    for driver in drivers:
        driver.get("about:blank")
        driver.get_log("performance")
    return [Page(driver) for driver in drivers]


def decided(course, item=Q1):
    with reading(course.engine) as connection:
        return {(each.student, "" if each.agreed else each.reader): each for each in latest(connection, item)}


def ann_gives(text):
    return "1" if "food" in text else "0"


def bob_gives(text):
    return "21" if "food" in text else "2" if "instinct" in text else "0"


def read_one_by_one(page):
    """A question, looking at each answer."""
    page.open(QUESTIONS[0])
    for _ in range(40):
        page.press(*ann_gives(page.text("text")), Keys.ENTER)
    page.until(lambda: page.text("left") == "All 40 read")
    page.saved()


def read_at_a_stretch(page, item, gives):
    """A question in one go, faster than the server answers."""
    page.open(item)
    texts = page.driver.execute_async_script(
        "fetch(arguments[0]).then(r => r.json()).then(d => arguments[1](d.answers.map(each => each.text)))",
        f"/data/{item}",
    )
    page.press(*(key for text in texts for key in (*gives(text), Keys.ENTER)))
    page.until(lambda: page.text("left") == "All 40 read")
    page.saved()


def ann_reads(page, server):
    page.log_in(server, "ann")
    read_one_by_one(page)
    for item in QUESTIONS[1:]:
        read_at_a_stretch(page, item, ann_gives)


def bob_reads(page, server):
    page.log_in(server, "bob")
    for item in QUESTIONS:
        read_at_a_stretch(page, item, bob_gives)


def test_two_readers_at_once_read_a_class_of_40_by_keyboard(course, pages, start):
    there = course(class_of(40))
    server = start(there)
    ann = threading.Thread(target=ann_reads, args=(pages[0], server))
    ann.start()
    bob_reads(pages[1], server)
    ann.join()
    texts = class_of(40)
    for item in QUESTIONS:
        made = decided(there, item)
        assert len(made) == 80
        for (student, reader), each in made.items():
            gives = (ann_gives if reader == "ann" else bob_gives)(texts[student][item.split(".")[1]])
            assert (each.finished, sorted(each.given)) == (True, sorted(int(key) for key in gives if key != "0"))
    before = pages[0].shown()
    pages[0].driver.refresh()
    pages[0].until(lambda: pages[0].text("left") == "All 40 read")
    assert pages[0].shown()[2:] == before[2:]
    pages[0].driver.get(f"{server.base}/")
    first = pages[0].driver.find_element(By.CSS_SELECTOR, "tbody tr").text
    assert "20 to settle" in first
    assert "ann, bob: κ 0.80, 20 of 40 alike" in first
    for page in pages:
        asked = page.asked_for()
        assert len(asked) > 240
        assert all(address.startswith(f"{server.base}/") for address in asked)


def test_differences_are_settled_by_keyboard(course, pages, start):
    there = course(class_of(2))
    server = start(there)
    for page, name, key in ((pages[0], "ann", "1"), (pages[1], "bob", "2")):
        page.log_in(server, name)
        page.open(Q1)
        page.press(key, Keys.ENTER, key, Keys.ENTER)
        page.saved()
    pages[0].open(Q1, "?differences")
    assert "ann: 2 points" in pages[0].text("others-list")
    assert "bob: 1 point" in pages[0].text("others-list")
    pages[0].press("1", "2", Keys.ENTER)
    pages[0].saved()
    agreed = [each for (_, reader), each in decided(there).items() if reader == ""]
    assert [(each.given, each.points, each.reader) for each in agreed] == [((1, 2), Fraction(3), "ann")]
    assert len(decided(there)) == 5  # what each of them gave stands beside it


def test_kill_9_between_two_key_presses_loses_nothing(course, pages, start):
    there = course(class_of(3))
    first = start(there)
    page = pages[0]
    page.log_in(first, "ann")
    page.open(Q1)
    page.press("n")
    page.press("A note")
    page.press(Keys.ESCAPE)
    page.press("1")
    page.saved()
    first.kill()
    page.press("2", "+", Keys.ENTER, "1")
    page.until(lambda: "Not saved" in page.text("saved"))
    again = start(there, first.port)
    page.driver.switch_to.new_window("tab")
    page.log_in(again, "ann")
    page.driver.close()
    page.driver.switch_to.window(page.driver.window_handles[0])
    page.saved()
    before = page.shown()
    made = sorted((each.given, each.adjustment, each.note, each.finished) for each in decided(there).values())
    assert made == [((1,), 0, "", False), ((1, 2), Fraction(1, 2), "A note", True)]
    (student,) = [each.student for each in decided(there).values() if each.finished]
    with reading(there.engine) as connection:
        every = history(connection, Q1, student)
    noted = [each.given for each in every if each.note == "A note"]  # a slow hand's note is saved in pieces before
    assert noted == [(), (1,), (1, 2), (1, 2), (1, 2)]
    page.driver.refresh()
    page.until(lambda: page.text("left") == "1 of 3 read, 2 left")
    assert page.shown() == before


def test_like_answers_are_marked_together_and_undone_together(course, pages, start):
    there = course({f"s{number}": {"Q1": f"{KINDS[0]} ({number})"} for number in range(5)} | {"x": {"Q1": KINDS[3]}})
    server = start(there)
    page = pages[0]
    page.log_in(server, "ann")
    page.open(Q1)
    while "food" not in page.text("text"):
        page.press("j")
    page.press("s", "1", "n")
    page.press("Say where to.")
    page.press(Keys.CONTROL, Keys.ENTER)
    page.saved()
    made = decided(there)
    assert len(made) == 5
    assert {(each.given, each.note, each.finished) for each in made.values()} == {((1,), "Say where to.", True)}
    assert page.text("left") == "5 of 6 read, 1 left"
    for _ in range(3):
        page.press("u")
        page.saved()
    assert all(each.withdrawn for each in decided(there).values())
    assert page.text("left") == "0 of 6 read, 6 left"
    page.press("u")
    page.until(lambda: page.text("saved") == "There is nothing to undo.")


def test_an_answer_with_script_or_form_is_only_text(course, pages, start):
    there = course({"eve": {"Q1": EVIL}, "bea": {"Q1": EVIL + " again"}})
    server = start(there)
    page = pages[0]
    page.log_in(server, "ann")
    page.open(Q1)
    assert EVIL in page.text("text")
    page.press("n")
    page.press(EVIL)
    page.press(Keys.ESCAPE)
    page.at("suggest").click()
    page.at("keep").click()
    page.driver.find_element(By.CSS_SELECTOR, "#history summary").click()
    page.until(lambda: EVIL in page.text("history-list"))
    page.until(lambda: page.driver.find_elements(By.CSS_SELECTOR, "#phrases option[data-text]"))
    assert page.driver.execute_script("return window.hit") is None
    inside = "#text *:not(mark):not(sup), main img, main form, main script"
    assert page.driver.find_elements(By.CSS_SELECTOR, inside) == []
    assert page.driver.current_url.startswith(f"{server.base}/read/{Q1}")


def test_another_sites_page_changes_and_reads_nothing(course, pages, start):
    there = course(class_of(2))
    server = start(there)
    page = pages[0]
    page.log_in(server, "ann")
    attack = f"""<!doctype html><title>attack</title>
      <form method=post enctype=text/plain action="{server.base}/data/{Q1}/undo" target=frame>
        <input name='{{"agreed":' value='0}}'></form>
      <iframe name=frame src="{server.base}/read/{Q1}"></iframe><script src="{server.base}/static/read.js"></script>
      <script>
        document.forms[0].submit();
        const send = (path, type) => fetch("{server.base}" + path, {{method: "POST", credentials: "include",
          headers: {{"Content-Type": type}}, body: '{{"text": "bad"}}'}}).then(r => r.text(), () => "refused");
        const read = fetch("{server.base}/data/{Q1}", {{credentials: "include"}}).then(r => r.text(), () => "refused");
        Promise.all([send("/data/{Q1}/phrases", "application/json"), send("/data/{Q1}/phrases", "text/plain"), read])
          .then(all => {{ document.title = all.join(" "); }});
      </script>"""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(attack.encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        page.driver.get(f"http://127.0.0.1:{other.server_port}/")
        page.until(lambda: page.driver.title != "attack")
        assert page.driver.title == "refused refused refused"
        other.shutdown()
        thread.join()
    page.open(Q1)
    assert "bad" not in page.text("phrases")
    assert decided(there) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_every_control_can_be_reached(course, pages, start, scheme):
    pytest.importorskip("axe_core_python", reason="axe-core-python is not installed: accessibility is not tried")
    from axe_core_python.base import AXE_SCRIPT  # type: ignore[import-untyped]

    there = course(class_of(8))
    server = start(there)
    page = pages[0]
    emulated = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
    page.log_in(server, "ann")
    found = _axe(page.driver, AXE_SCRIPT)
    page.open(Q1)
    page.press("1")
    page.at("suggest").click()
    page.at("names").click()
    page.saved()
    found += _axe(page.driver, AXE_SCRIPT)
    page.at("help").click()
    found += _axe(page.driver, AXE_SCRIPT)
    assert found == []
    page.at("close-help").click()
    if scheme == "dark":
        return  # the same controls
    reached = set()
    for _ in range(40):
        page.press(Keys.TAB)
        reached.add(page.driver.switch_to.active_element.get_attribute("id"))
    assert {"names", "suggest", "keys", "filter", "none", "note", "phrases", "finish", "undo", "all"} <= reached


def _axe(driver, script):
    driver.execute_script(script)
    result = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in result["violations"]]
