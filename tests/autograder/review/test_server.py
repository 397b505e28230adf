"""The pages for readers, through the framework's own client: who is let in, what is shown, what is kept."""

import json
import re
from types import SimpleNamespace

import pytest

from autograder.gradebook import reading
from autograder.gradebook.decisions import latest
from autograder.review.access import Door
from autograder.review.desk import Desk
from autograder.review.server import make_app

FOOD = "They find too little food in winter, so they leave before it."
CLASS = {
    "ada": {"Q1": FOOD, "Q2": "The tail."},
    "bea": {"Q1": "All of them: " + FOOD, "Q2": "Its wings."},
    "carl": {"Q1": "<script>alert(1)</script><img src=x onerror=alert(2)> Because it is cold up there."},
    "dora": {"Q2": "By the tail, I think."},
}
Q1 = "birds.Q1"


class Reader:
    """A reader's browser, without a screen."""

    def __init__(self, app, door, name):
        self.door, self.client = door, app.test_client()
        self.base = f"http://127.0.0.1:{door.port}"
        self.get(f"/?token={door.tokens[name]}")

    def get(self, path, **headers):
        return self.client.get(path, base_url=self.base, headers=headers)

    def post(self, path, body, origin=None, method="POST", **more):
        headers = {"Origin": origin or self.base}
        return self.client.open(path, method=method, base_url=self.base, json=body, headers=headers | more)

    def answers(self, item=Q1, options=""):
        return {each["text"][:20]: each for each in self.get(f"/data/{item}?{options}").json["answers"]}

    def decide(self, answer, given, agreed=False, item=Q1, **rest):
        line = answer["agreed" if agreed else "mine"]
        seen = line["number"] if line else 0
        draft = {"id": answer["id"], "sha256": answer["sha256"], "seen": seen, "given": given, "finished": True} | rest
        return self.post(f"/data/{item}/decisions", {"agreed": agreed, "drafts": [draft]})


@pytest.fixture
def place(course):
    there = course(CLASS)
    door = Door(["ann", "bob"], port=4711)
    app = make_app(Desk(there.unit, there.engine), door)
    app.testing = True
    return SimpleNamespace(
        course=there,
        door=door,
        app=app,
        ann=Reader(app, door, "ann"),
        bob=Reader(app, door, "bob"),
        client=app.test_client(),
    )


PATHS = ["/", f"/read/{Q1}", f"/data/{Q1}", f"/data/{Q1}/names", "/static/read.js", "/static/review.css", "/nowhere"]


@pytest.mark.parametrize("token", [None, "", "wrong", "ann"])
def test_without_the_token_nothing_is_served(place, token):
    client = place.app.test_client()
    if token is not None:
        client.set_cookie(place.door.cookie, token, domain="127.0.0.1")
    for path in PATHS:
        given = client.get(path, base_url=place.ann.base)
        assert (path, given.status_code, given.mimetype) == (path, 403, "text/plain")
        assert not any(secret in given.text for secret in ("ada", "food", "Q1", "function"))


def test_the_token_moves_into_a_cookie_that_no_script_reads(place):
    given = place.app.test_client().get(f"/?token={place.door.tokens['ann']}", base_url=place.ann.base)
    assert (given.status_code, given.headers["Location"]) == (303, "/")
    cookie = given.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert place.app.test_client().get("/?token=wrong", base_url=place.ann.base).status_code == 403
    assert place.door.tokens["ann"] != place.door.tokens["bob"]


@pytest.mark.parametrize("host", ["evil.example:4711", "127.0.0.1:80", "127.0.0.1.evil.example:4711", "localhost"])
def test_a_foreign_name_for_this_machine_gets_nothing(place, host):
    assert place.ann.get("/", Host=host).status_code == 403


def test_no_other_site_changes_anything(place):
    answer = place.ann.answers()[FOOD[:20]]
    body = {"drafts": [{"id": answer["id"], "sha256": answer["sha256"], "seen": 0, "given": [1], "finished": True}]}
    path = f"/data/{Q1}/decisions"
    for origin in ("https://evil.example", "http://127.0.0.1:80", "http://localhost", "null"):
        assert place.ann.post(path, body, origin=origin).status_code == 403
    without = place.ann.client.post(path, base_url=place.ann.base, json=body)
    form = place.ann.client.post(
        path,
        base_url=place.ann.base,
        data=json.dumps(body),
        content_type="text/plain",
        headers={"Origin": place.ann.base},
    )
    assert (without.status_code, form.status_code) == (403, 403)
    assert (
        place.ann.get(f"/data/{Q1}", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    )
    assert place.ann.get(f"/data/{Q1}", Origin="https://evil.example").status_code == 403
    with reading(place.course.engine) as connection:
        assert latest(connection) == []
    assert place.ann.post(path, body).status_code == 200


def test_every_answer_carries_the_policy(place):
    served = [place.ann.get(path) for path in PATHS]
    for given in (*served, place.client.get("/", base_url=place.ann.base)):
        given.close()
        policy = given.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert given.headers["X-Content-Type-Options"] == "nosniff"
        assert given.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", f"/read/{Q1}", f"/read/{Q1}?differences"])
def test_pages_ask_for_nothing_from_elsewhere_and_hold_no_script_of_their_own(place, path):
    text = place.ann.get(path).text
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', text):
        assert address.startswith(("/", "?")), address
        assert not address.startswith("//")
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", text)


def test_names_stay_hidden_until_they_are_asked_for(place):
    everything = place.ann.get(f"/read/{Q1}").text + place.ann.get(f"/data/{Q1}").text + place.ann.get("/").text
    assert not re.search(r"\b(ada|bea|carl)\b", everything)
    names = place.ann.get(f"/data/{Q1}/names").json
    assert names[place.ann.answers()[FOOD[:20]]["id"]] == "ada"


def test_answers_come_with_what_is_alike_in_a_row_and_those_left_at_todo_do_not_come(place):
    answers = place.ann.get(f"/data/{Q1}").json["answers"]
    assert len(answers) == 3
    groups = [each["group"] for each in answers]
    assert sorted(groups, key=str) == [1, 1, None]
    assert abs(groups.index(1) - (len(groups) - 1 - groups[::-1].index(1))) == 1


def test_a_decision_is_kept_and_shown_again(place):
    answer = place.ann.answers()[FOOD[:20]]
    given = place.ann.decide(answer, [1], adjustment="1/2", note="Good.", finished=False)
    assert given.status_code == 200
    mine = place.ann.answers()[FOOD[:20]]["mine"]
    assert (mine["given"], mine["points"], mine["note"], mine["finished"]) == ([1], "2.5", "Good.", False)
    assert mine == given.json["answers"][0]["mine"]
    assert [each["note"] for each in place.ann.get(f"/data/{Q1}/history/{answer['id']}").json] == ["Good."]


def test_a_second_window_of_the_same_reader_is_told(place):
    answer = place.ann.answers()[FOOD[:20]]
    assert place.ann.decide(answer, [1]).status_code == 200
    late = place.ann.decide(answer, [2])
    assert late.status_code == 409
    assert late.json["answers"][0]["mine"]["given"] == [1]


def test_readers_see_each_other_only_when_they_have_finished(place):
    answer = place.ann.answers()[FOOD[:20]]
    place.ann.decide(answer, [1])
    seen = place.bob.answers()[FOOD[:20]]
    assert (seen["mine"], seen["others"]) == (None, [])
    assert place.bob.get(f"/data/{Q1}/history/{answer['id']}").json == []
    half = place.bob.decide(seen, [2], finished=False).json["answers"][0]
    assert half["others"] == []
    whole = place.bob.decide(half, [2]).json["answers"][0]
    assert [(each["reader"], each["points"]) for each in whole["others"]] == [("ann", "2")]
    assert whole["state"] == "disputed"


def test_differences_are_settled_in_the_name_of_all(place):
    answer = place.ann.answers()[FOOD[:20]]
    place.ann.decide(answer, [1])
    place.bob.decide(place.bob.answers()[FOOD[:20]], [1, 2])
    assert "1 to settle" in place.ann.get("/").text
    disputed = place.ann.answers(options="differences")[FOOD[:20]]
    settled = place.ann.decide(disputed, [1, 2], agreed=True).json["answers"][0]
    assert (settled["state"], settled["settled"]) == ("settled", "3")
    assert place.bob.decide(disputed, [1], agreed=True).status_code == 409  # he has not seen what ann settled
    undone = place.ann.post(f"/data/{Q1}/undo", {"agreed": True})
    assert undone.json["answers"][0]["state"] == "disputed"


def test_undo_takes_back_a_group_at_once(place):
    answers = place.ann.answers()
    drafts = [
        {"id": each["id"], "sha256": each["sha256"], "seen": 0, "given": [1], "finished": True}
        for each in answers.values()
    ]
    assert len(place.ann.post(f"/data/{Q1}/decisions", {"drafts": drafts}).json["answers"]) == 3
    assert len(place.ann.post(f"/data/{Q1}/undo", {}).json["answers"]) == 3
    assert all(each["mine"]["withdrawn"] for each in place.ann.answers().values())
    assert place.ann.post(f"/data/{Q1}/undo", {}).json["answers"] == []


def test_a_changed_answer_is_told_and_what_was_given_to_the_old_one_does_not_count(place):
    answer = place.ann.answers()[FOOD[:20]]
    place.ann.decide(answer, [1])
    place.course.hand_in(CLASS | {"ada": {"Q1": "Another text: there is nothing to eat for them."}})
    late = place.bob.decide(answer, [1])
    assert (late.status_code, "load the page again" in late.json["error"]) == (409, True)
    changed = place.ann.answers()["Another text: there "]
    assert (changed["state"], changed["mine"]["stale"]) == ("stale", True)
    assert place.ann.decide(changed, [2]).json["answers"][0]["state"] == "settled"


def test_suggestions_are_off_until_asked_for_and_give_nothing(place):
    assert all("suggestions" not in each for each in place.ann.answers().values())
    answer = place.ann.answers(options="suggest")[FOOD[:20]]
    assert [each["concept"] for each in answer["suggestions"]] == [1]
    start, end = answer["suggestions"][0]["spans"][0]
    assert answer["text"][start:end] == "food"
    assert (answer["mine"], answer["state"]) == (None, "unread")


def test_phrases_are_offered_to_all_readers_until_removed(place):
    kept = place.ann.post(f"/data/{Q1}/phrases", {"text": "Say why."}).json
    assert place.ann.post(f"/data/{Q1}/phrases", {"text": "Say why. "}).json == kept
    assert place.bob.get(f"/data/{Q1}").json["phrases"] == kept
    assert place.bob.get("/data/birds.Q2").json["phrases"] == []
    assert place.bob.post(f"/data/{Q1}/phrases/{kept[0]['number']}", {}, method="DELETE").json == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"given": [3]},
        {"given": [0]},
        {"given": [1, 1]},
        {"adjustment": "x"},
        {"adjustment": "1/0"},
        {"adjustment": "99"},
        {"note": "x" * 5000},
        {"points": 3},
        {"seen": None},
    ],
)
def test_what_is_no_decision_is_refused(place, wrong):
    answer = place.ann.answers()[FOOD[:20]]
    refused = place.ann.decide(answer, wrong.pop("given", [1]), **wrong)
    assert refused.status_code == 400
    assert refused.json["error"]
    assert place.ann.answers()[FOOD[:20]]["mine"] is None


def test_questions_and_answers_that_there_are_not(place):
    assert place.ann.get("/read/birds.Q9").status_code == 404
    assert place.ann.get("/data/birds.Q9").status_code == 404
    answer = place.ann.answers()[FOOD[:20]] | {"id": "0" * 16}
    assert place.ann.decide(answer, [1]).status_code == 409
    assert place.ann.get("/static/../server.py").status_code == 404


def test_a_class_of_200_with_31_questions_needs_the_same_few_queries(course, monkeypatch):
    """No query more for more students: counted, not timed."""
    from sqlalchemy import event

    counts = []
    for number in (4, 60):
        there = course({f"s{number}.{index}": {"Q1": f"{FOOD} {index}"} for index in range(number)})
        door = Door(["ann"], port=4711)
        ann = Reader(make_app(Desk(there.unit, there.engine), door), door, "ann")
        *answers, last = ann.get(f"/data/{Q1}").json["answers"]
        ann.decide(last, [1])
        asked = []
        event.listen(there.engine, "before_cursor_execute", lambda *given, asked=asked: asked.append(given[2]))
        ann.get("/")
        ann.get(f"/data/{Q1}")
        drafts = [{"id": each["id"], "sha256": each["sha256"], "seen": 0} for each in answers[:3]]
        ann.post(f"/data/{Q1}/decisions", {"drafts": drafts})
        counts.append(len([query for query in asked if query.startswith(("SELECT", "INSERT"))]))
    assert counts[0] == counts[1]
