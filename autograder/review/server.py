"""The pages for readers, and what they ask for. Text of students leaves here as JSON or escaped, never as markup."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeVar

from flask import Flask, Response, abort, jsonify, render_template, request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import HTTPException

from autograder.errors import GraderError, UsageError
from autograder.gradebook.decisions import Conflict, Draft
from autograder.gradebook.store import storable
from autograder.report.summary import count, marks
from autograder.review.access import Door, guard, reader
from autograder.review.desk import Desk, is_amount
from autograder.review.material import Question

MAX_REQUEST = 4 << 20  # bytes
MAX_NOTE = 4000  # characters
_HERE = Path(__file__).parent
Text = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(storable)]

T = TypeVar("T", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DraftIn(_Strict):
    """A decision as the page sends it; `id` is the answer's alias, `seen` the decision that the page shows."""

    id: str
    sha256: str
    seen: int
    given: tuple[int, ...] = ()
    adjustment: Annotated[str, Field(max_length=20)] = ""
    note: Text = ""
    finished: bool = False
    withdrawn: bool = False


class DecisionsIn(_Strict):
    agreed: bool = False
    drafts: Annotated[tuple[DraftIn, ...], Field(min_length=1, max_length=2000)]


class UndoIn(_Strict):
    agreed: bool = False


class PhraseIn(_Strict):
    text: Annotated[Text, Field(min_length=1)]


def make_app(desk: Desk, door: Door) -> Flask:
    """The application. It answers nobody without one of the door's tokens."""
    app = Flask("autograder.review", static_folder=str(_HERE / "static"), template_folder=str(_HERE / "templates"))
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST
    app.jinja_env.filters.update(marks=marks, count=count)
    guard(app, door)
    _pages(app, desk)
    _data(app, desk)
    _errors(app)
    return app


def _pages(app: Flask, desk: Desk) -> None:
    @app.get("/")
    def overview() -> str:
        return render_template("overview.html.j2", rows=desk.overview(reader()), reader=reader())

    @app.get("/read/<item>")
    def read(item: str) -> str:
        question = desk.material().questions.get(item) or abort(404)
        return render_template("read.html.j2", question=question, reader=reader(), agreed="differences" in request.args)


def _data(app: Flask, desk: Desk) -> None:
    def known(item: str) -> str:
        return item if item in desk.material().questions else abort(404)

    @app.get("/data/<item>")
    def question(item: str) -> Response:
        options = {"agreed": "differences" in request.args, "suggest": "suggest" in request.args}
        return jsonify(desk.question(known(item), reader(), **options))

    @app.post("/data/<item>/decisions")
    def decide(item: str) -> Response:
        asked = _body(DecisionsIn)
        question = desk.material().questions[known(item)]
        drafts = [(each.id, _draft(each, question)) for each in asked.drafts]
        try:
            return jsonify(desk.decide(item, drafts, reader(), asked.agreed))
        except KeyError:
            abort(409, "The class has changed: load the page again.")
        except Conflict:
            response = jsonify(desk.current(item, [name for name, _ in drafts], reader(), asked.agreed))
            response.status_code = 409
            return response

    @app.post("/data/<item>/undo")
    def undo(item: str) -> Response:
        try:
            return jsonify(desk.undo(known(item), reader(), _body(UndoIn).agreed))
        except Conflict:
            abort(409, "Another reader has agreed on something since: that is theirs to take back.")

    @app.get("/data/<item>/names")
    def names(item: str) -> Response:
        return jsonify(desk.names(known(item)))

    @app.get("/data/<item>/history/<name>")
    def history(item: str, name: str) -> Response:
        try:
            return jsonify(desk.history(known(item), name, reader()))
        except KeyError:
            abort(404)

    @app.post("/data/<item>/phrases")
    def keep_phrase(item: str) -> Response:
        return jsonify(desk.keep_phrase(known(item), _body(PhraseIn).text.strip(), reader()))

    @app.delete("/data/<item>/phrases/<int:number>")
    def remove_phrase(item: str, number: int) -> Response:
        return jsonify(desk.remove_phrase(known(item), number))


def _errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> tuple[Response, int]:
        return jsonify({"error": error.description}), error.code or 500

    @app.errorhandler(UsageError)
    @app.errorhandler(GraderError)
    def failed(error: Exception) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 503


def _body(form: type[T]) -> T:
    """What was sent, in its form, or 400."""
    data: Any = request.get_json()
    try:
        return form.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        abort(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def _draft(sent: DraftIn, question: Question) -> Draft:
    adjustment = _fraction(sent.adjustment)
    numbers = set(sent.given)
    fits = numbers <= set(range(1, len(question.rubric) + 1)) and len(numbers) == len(sent.given)
    if not fits or not is_amount(adjustment, question):
        abort(400, "These points are none of the rubric's.")
    return Draft(
        student="",
        item=question.item,
        answer_sha256=sent.sha256,
        seen=sent.seen,
        given=sent.given,
        adjustment=adjustment,
        note=sent.note,
        finished=sent.finished,
        withdrawn=sent.withdrawn,
    )


def _fraction(text: str) -> Fraction:
    try:
        return Fraction(text.strip() or "0")
    except (ValueError, ZeroDivisionError):
        abort(400, "The adjustment is not a number.")
