"""The pages in a real browser: what axe finds, what the keyboard can do, and that they ask nobody for anything.

Skipped where there is no Chromium with its driver (Debian: apt install chromium-driver), or no axe-core (npm).
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.course.similarity import Pair, Passage, SharedFile, Similarity
from autograder.pictures import heat_map, lines
from autograder.report.writing import write_class, write_result, write_similar
from autograder.results import ItemResult, Result, Status, TestResult, item_status
from autograder.spec import Item, Spec, Topic, Unit

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
AXE = Path(sys.prefix) / "axe-core" / "axe.min.js"
HOSTILE = "<script>document.title='run'</script><img src=https://evil.example/x onerror=document.title='run'>"
PAGES = ("class.html", "similar.html", "s03/report.html", "lost/report.html", "empty/class.html")

pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with its driver: nothing was looked at")


BIRDS = ("sparrow", "kingfisher", "wagtail", "shrike", "oriole", "owl")
PICTURES = {
    "good": heat_map("Who looks", "Rows look.", BIRDS, BIRDS, [[(r + c) % 6 / 5 for c in range(6)] for r in range(6)]),
    "bad": lines(
        "How loud", "By day.", "day", "loudness", {"dawn": [0.1**n for n in range(30)], "dusk": [2.0] * 30}, 30, True
    ),
}


def unit() -> Unit:
    names = ("good", "bad", "slow", "read")
    items = tuple(Item(id=f"birds.{name}", points=2, tests={"test_a": 1}) for name in names)
    return Unit(Path(), Spec(unit="Birds", topics=(Topic(name="birds", title="Birds", items=items),)))


def student(name: str, strong: bool) -> Result:
    passed, failed = Status.PASSED, Status.FAILED
    found = {
        "good": (passed if strong else failed, "It holds.", "The beak is taken for the tail."),
        "bad": (failed if strong else passed, "It holds as well.", None),
        "slow": (passed if strong else Status.TIMEOUT, "It ends.", None),
        "read": (passed, "It is answered.", None),
    }
    items = []
    for item, (status, claim, diagnosis) in found.items():
        score = Fraction(2 * (status is passed))
        told = "" if status is passed else f"The first row: expected a bird, got {HOSTILE}"
        diagnosed = None if status is passed else diagnosis
        tests = (TestResult("t", claim, status, score, Fraction(2), True, told, diagnosed, seconds=1.5),)
        pending = Fraction(3, 2) if item == "read" else Fraction(0)
        told_status = Status.NEEDS_REVIEW if pending else item_status(tests)
        items.append(
            ItemResult(
                f"birds.{item}",
                score,
                Fraction(2),
                False,
                "core",
                told_status,
                tests,
                pending,
                picture=PICTURES.get(item),
            )
        )
    return Result(name, tuple(items), ("wing.py is missing",), ("Landlock",), f"{strong}", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages")
    results = [student(f"s{number:02d}", number < 6) for number in range(12)]
    lost = Result("lost", (), (HOSTILE,), (), "", "1", graded=False)
    text = Passage("wing = 1\n" * 200, shared=False), Passage(f"beak = '{HOSTILE}'\n", shared=True)
    pair = Pair("s01", HOSTILE, (SharedFile("birds.py", text, text, (0.5, 0.6), 99),))
    write_similar(Similarity((pair,), 12), unit(), out)
    write_class([*results, replace(results[0], student=HOSTILE), lost], unit(), out)
    write_class([lost], unit(), out / "empty")
    for result in (student("s03", strong=False), results[3]):
        write_result(result, unit(), out / "s03")
    write_result(lost, unit(), out / "lost")
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: nothing was looked at")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    from selenium.common.exceptions import WebDriverException

    try:
        driver = webdriver.Chrome(options, webdriver.ChromeService(executable_path=DRIVER))
    except WebDriverException as error:  # a container without what its sandbox needs, a driver of another version
        pytest.skip(f"Chromium does not start, nothing was looked at: {(error.msg or '').splitlines()[0]}")
    yield driver
    driver.quit()


Open = Callable[..., "Chrome"]


@pytest.fixture
def opened(browser: "Chrome", folder: Path) -> Open:
    """Opens a page, in the light or in the dark, at a width."""

    def open_(page: str, scheme: str = "light", width: int = 1280) -> "Chrome":
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get((folder / page).as_uri())
        return browser

    return open_


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: accessibility was not looked at")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(opened: Open, page: str, scheme: str, width: int) -> None:
    browser = opened(page, scheme, width)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    browser.execute_script(AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations))"
    )
    assert [(each["id"], each["help"], each["nodes"][0]["html"]) for each in found] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_nobody_for_anything_and_runs_nothing_of_a_student(opened: Open, page: str) -> None:
    opened(page).get_log("performance")  # takes away what was before
    browser = opened(page)
    log = " ".join(entry["message"] for entry in browser.get_log("performance"))
    asked = [part.split('"')[0] for part in log.split('"url":"')[1:]]
    assert asked
    assert all(address.startswith(("file:", "chrome", "data:", "about:")) for address in asked)
    assert browser.title != "run"
    assert [entry["message"] for entry in browser.get_log("browser")] == []  # nothing that the policy had to stop


@pytest.mark.parametrize("page", PAGES)
def test_on_a_phone_only_tables_scroll_sideways(opened: Open, page: str) -> None:
    browser = opened(page, width=360)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_a_table_is_sorted_from_the_keyboard_and_says_so(opened: Open) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser = opened("class.html")

    def press(key: str) -> None:
        ActionChains(browser).send_keys(key).perform()

    def names() -> list[str]:
        return browser.execute_script(
            "return [...document.querySelectorAll('#students tbody tr')].map(row => row.cells[1].textContent)"
        )

    before = names()
    for _ in range(30):
        press(Keys.TAB)
        if browser.switch_to.active_element.text == "Total":
            break
    assert browser.switch_to.active_element.text == "Total"
    press(Keys.ENTER)
    head = "return document.querySelector('#students thead th:nth-child(2)').getAttribute('aria-sort')"
    assert browser.execute_script(head) == "descending"
    fallen = names()
    assert fallen != before
    marks = [float(text) for text in fallen if text]
    assert marks == sorted(marks, reverse=True)
    assert fallen[-1] == ""  # not graded is no 0, and comes last
    press(Keys.ENTER)
    assert browser.execute_script(head) == "ascending"
    assert browser.execute_script("return document.querySelectorAll('#students [aria-sort]').length") == 1


@pytest.mark.parametrize(
    ("page", "words"), [("class.html", ("students", "items")), ("s03/report.html", ("Who looks", "How loud"))]
)
def test_every_plot_has_a_name_that_says_what_it_shows(opened: Open, page: str, words: tuple[str, str]) -> None:
    browser = opened(page)
    names = browser.execute_script("return [...document.querySelectorAll('[role=img]')].map(each => each.ariaLabel)")
    assert names
    assert all(any(word in name for word in words) for name in names)
    assert all(any(character.isdigit() for character in name) for name in names)


@pytest.mark.parametrize("width", [1280, 360])
def test_no_word_of_a_picture_leaves_it_or_lies_on_another(opened: Open, width: int) -> None:
    browser = opened("s03/report.html", width=width)
    found = browser.execute_script(
        """for (const each of document.querySelectorAll('details')) each.open = true;
        return [...document.querySelectorAll('.picture svg')].map(svg =>
          [svg, ...svg.querySelectorAll('text')].map(each => {
            const box = each.getBoundingClientRect();
            return [box.left, box.top, box.right, box.bottom, each.getAttribute('transform')];
          }))"""
    )
    assert len(found) == 2
    for (left, top, right, bottom, _), *texts in found:
        assert right <= width
        assert all(
            left - 1 <= text[0] and text[2] <= right + 1 and top - 1 <= text[1] and text[3] <= bottom + 1
            for text in texts
        )
        straight = [text for text in texts if text[4] is None]  # turned ones have boxes that are too large
        assert not any(
            a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1
            for n, a in enumerate(straight)
            for b in straight[n + 1 :]
        )
