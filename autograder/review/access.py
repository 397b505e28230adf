"""Who may talk to the server: readers, each with a token of their own, from pages of this server alone.

The server listens on this machine only, but other programs and every page open in the browser can reach that, too. So:
a request names this server as its host (no foreign name that was made to point here); one that changes something
comes from a page of this server; and without a reader's token nothing at all is answered. The token arrives once, in
the address that the command prints, and moves into a cookie that no script can read and no other site can send.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import Flask, Response, abort, g, make_response, redirect, request

LOCAL = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
NO_TOKEN = "This page is for readers: open it with the address that `autograder review` printed.\n"


@dataclass
class Door:
    """The readers' tokens, and the port once it is known."""

    readers: Sequence[str]
    port: int = 0
    tokens: Mapping[str, str] = field(init=False)  # by reader

    def __post_init__(self) -> None:
        self.tokens = {reader: secrets.token_urlsafe(32) for reader in self.readers}

    def address(self, reader: str) -> str:
        return f"http://{LOCAL[0]}:{self.port}/?token={self.tokens[reader]}"

    @property
    def cookie(self) -> str:
        return f"review-{self.port}"  # a browser keeps one jar for all ports

    def reader_of(self, token: str | None) -> str | None:
        found = None
        for reader, right in self.tokens.items():  # all of them: how long it takes tells nothing
            if hmac.compare_digest(right.encode(), (token or "").encode("utf-8", "replace")):
                found = reader
        return found

    @property
    def hosts(self) -> set[str]:
        return {f"{name}:{self.port}" for name in LOCAL}


def guard(app: Flask, door: Door) -> None:
    """Have the app answer readers alone; `g.reader` says which one."""

    @app.before_request
    def _let_in() -> Response | None:
        if request.host not in door.hosts:
            return _refused("This address is none of this server's.\n")
        if not _is_from_here(door):
            return _refused("Another site's page asked for this.\n")
        given = request.args.get("token")
        if given is not None and request.method == "GET" and request.path == "/":
            return _welcome(door, given)
        reader = door.reader_of(request.cookies.get(door.cookie))
        if reader is None:
            return _refused(NO_TOKEN)
        g.reader = reader
        return None

    @app.after_request
    def _with_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response


def _is_from_here(door: Door) -> bool:
    """Whether a page of this server asked, or somebody typed the address."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in {f"http://{host}" for host in door.hosts}:
        return False
    if request.method in ("GET", "HEAD"):
        from_elsewhere = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        return not from_elsewhere or request.headers.get("Sec-Fetch-Mode") == "navigate"
    return origin is not None and request.mimetype == "application/json"  # no form can send that


def _welcome(door: Door, token: str) -> Response:
    if door.reader_of(token) is None:
        return _refused(NO_TOKEN)
    response = make_response(redirect("/", 303))  # so that the token stands in no address from here on
    response.set_cookie(door.cookie, token, httponly=True, samesite="Strict", path="/")
    return response


def _refused(why: str) -> Response:
    response = make_response(why, 403)
    response.mimetype = "text/plain"
    return response


def reader() -> str:
    """The one who asks."""
    found = g.get("reader")
    if found is None:
        abort(403)
    return str(found)
