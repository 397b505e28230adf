"""JUnit XML, which most services for continuous integration show: a suite a topic, a case a test."""

import re
from xml.etree import ElementTree as ET

from autograder.report.for_student import for_student
from autograder.report.summary import topic_title, topics
from autograder.results import ItemResult, Result, Status, TestResult
from autograder.spec import Unit

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = (Status.NOT_ATTEMPTED, Status.NEEDS_REVIEW)


def render(result: Result, unit: Unit) -> str:
    """The document; a test that is not written yet counts as skipped."""
    result = for_student(result)
    root = ET.Element("testsuites", name=_text(unit.spec.unit))
    for name in dict.fromkeys([*(topic.name for topic in topics(result, unit)), *(i.topic for i in result.items)]):
        items = [item for item in result.items if item.topic == name]
        tests = [test for item in items for test in item.tests]
        suite = ET.SubElement(root, "testsuite", name=_text(topic_title(unit, name)), tests=str(len(tests)))
        suite.set("failures", str(sum(_kind(test) == "failure" for test in tests)))
        suite.set("errors", str(sum(_kind(test) == "error" for test in tests)))
        suite.set("skipped", str(sum(_kind(test) == "skipped" for test in tests)))
        for item in items:
            for test in item.tests:
                _case(suite, item, test)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, item: ItemResult, test: TestResult) -> None:
    case = ET.SubElement(suite, "testcase", classname=item.id, name=_text(test.name), time=f"{test.seconds:.3f}")
    kind = _kind(test)
    if kind:
        told = ET.SubElement(case, kind, message=_text(test.message or test.status.value))
        told.text = _text(test.diagnosis or "") or None


def _kind(test: TestResult) -> str:
    if test.status is Status.PASSED:
        return ""
    if test.status in _SKIPPED:
        return "skipped"
    return "error" if test.status in (Status.CRASHED, Status.TIMEOUT) else "failure"


def _text(text: str) -> str:
    return _NOT_XML.sub("", text)
