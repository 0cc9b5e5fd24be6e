"""One request of a browser: its session, its form, and how it is answered.

The same addresses serve programs: who accepts ``application/json`` and no HTML is answered in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from stemwright.errors import (
    CsrfRefused,
    LoginNotRecent,
    NotAdministrator,
    NotLoggedIn,
    RateLimited,
    StemwrightError,
)
from stemwright.features.accounts.account import Principal
from stemwright.features.sessions.browser import VALID, BrowserSession, Found, Opened
from stemwright.features.sessions.service import Sessions
from stemwright.web.browser_headers import BROWSER_HEADERS
from stemwright.web.cookies import Carried, Cookies
from stemwright.web.csrf import SAFE, require_token
from stemwright.web.waiting import elsewhere

from .pages import page

Handler = Callable[["Visit"], Response]

LOG_IN: Final = "/users/log-in"
_MOST_FIELDS: Final = 50
_MOST_FIELD_BYTES: Final = 16 * 1024
_UNKEPT: Final = {"cache-control": "no-store"}
_OVERRIDES: Final = {"put": "PUT", "patch": "PATCH", "delete": "DELETE"}


@dataclass(slots=True)
class Visit:
    """A request that is being answered."""

    request: Request
    method: str
    """As meant: a form can only POST, and says in ``_method`` what else it means."""
    form: Mapping[str, str]
    carried: Carried
    found: Found | None
    wants_json: bool
    _remember: str | None = field(default=None, repr=False)
    _forget: bool = False

    @property
    def path_parameters(self) -> Mapping[str, str]:
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def principal(self) -> Principal:
        """Who is logged in.

        Raises
        ------
        NotLoggedIn

        """
        return self._found().principal

    @property
    def session(self) -> BrowserSession:
        """The session of this browser.

        Raises
        ------
        NotLoggedIn

        """
        return self._found().session

    def log_in(self, opened: Opened, *, keeps_place: bool = True) -> None:
        """Have the browser carry a new session, and nothing of what it carried before.

        ``keeps_place``: but for where it was going.
        """
        going = self.carried.return_to if keeps_place else None
        self.carried.renew()
        self.carried.token, self.carried.return_to = opened.token, going
        self.keep(opened)

    def keep(self, opened: Opened) -> None:
        """Have it remember a session, if it is one to be remembered."""
        self._remember = opened.token if opened.session.remember else None
        self._forget = not opened.session.remember

    def log_out(self) -> None:
        """Have the browser carry no session."""
        self.carried.renew()
        self.forget()

    def forget(self) -> None:
        """Have it remember no session."""
        self._remember, self._forget = None, True

    def say(self, text: str, kind: str = "info") -> None:
        """Have a sentence shown on the next page."""
        self.carried.say(kind, text)

    def page(self, template: str, status: int = 200, **facts: Any) -> Response:  # noqa: ANN401
        """Fill a template in, with what every page shows."""
        known = {
            "csrf": self.carried.csrf,
            "flashes": self.carried.take_flashes(),
            "email": self.found.principal.email if self.found else None,
            "is_admin": self.found is not None and self.found.principal.is_admin,
        }
        return page(template, {**known, **facts}, status)

    def redirect(self, path: str, status: int = 302) -> Response:
        """Send the browser to a path of ours."""
        headers = {**BROWSER_HEADERS, **_UNKEPT}
        return RedirectResponse(path, status, headers=headers)

    def answer(self, status: int = 200, **said: Any) -> Response:  # noqa: ANN401 - JSON
        """Answer a program."""
        return _json({"data": said}, status)

    def _found(self) -> Found:
        if self.found is None:
            raise NotLoggedIn("You must log in to access this page.")
        return self.found


def _accept(_form: Mapping[str, str]) -> None:
    """Ask for no token."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Whom a request is from, and what is still to be asked."""

    principal: Principal
    check: Callable[[Mapping[str, str]], None] = _accept
    """Takes the fields of the form, if there is one; raises ``CsrfRefused`` without a token."""


@dataclass(frozen=True, slots=True)
class Door:
    """Lets browsers in: makes a visit of each request, and an answer of what comes of it."""

    sessions: Sessions
    cookies: Cookies

    def route(self, path: str, handlers: Mapping[str, Handler], *, waits: bool = False) -> Route:
        """Serve an address; a POST may stand for any of the methods.

        ``waits``: for another server, in the end.
        """
        in_thread = elsewhere if waits else run_in_threadpool
        methods = {*handlers, "POST"} if set(handlers) - {"GET", "POST"} else set(handlers)

        async def endpoint(request: Request) -> Response:
            form, failure = await _form(request)
            return await in_thread(self._serve, request, form, failure, handlers)

        return Route(path, endpoint, methods=sorted(methods))

    def entrance(self, request: Request) -> Entrance:
        """Whom a request is from by its session, for routes besides these pages.

        Raises
        ------
        NotLoggedIn

        """
        carried = self.cookies.read(request) or Carried()
        found = self.sessions.find(self._token(request, carried), renew=False)
        if found is None:
            raise NotLoggedIn("Log in first: there is no session, or it has ended.")
        if request.method in SAFE:
            return Entrance(found.principal)
        return Entrance(
            found.principal, lambda form: require_token(carried.csrf, request.headers, form)
        )

    def send_to_log_in(self, request: Request, message: str) -> Response:
        """Have a browser log in and come back; for GET requests of routes besides these pages."""
        carried = self.cookies.read(request) or Carried()
        carried.say("error", message)
        carried.return_to = _place(request)
        response = RedirectResponse(LOG_IN, 302, headers={**BROWSER_HEADERS, **_UNKEPT})
        self.cookies.write(request, response, carried)
        return response

    def _serve(
        self,
        request: Request,
        form: Mapping[str, str],
        failure: str | None,
        handlers: Mapping[str, Handler],
    ) -> Response:
        visit = self._visit(request, form)
        before = self._written(visit.carried) if self.cookies.read(request) else None
        try:
            if failure is not None:
                return _refused(visit, 400, failure, "invalid_json")
            response = self._handled(visit, handlers)
        except StemwrightError as error:
            response = _failed(visit, error)
        self._finish(visit, response, before)
        return response

    def _visit(self, request: Request, form: Mapping[str, str]) -> Visit:
        carried = self.cookies.read(request) or Carried()
        found = self.sessions.find(self._token(request, carried))
        carried.token = self._token(request, carried) if found else None
        method = request.method
        if method == "POST":
            method = _OVERRIDES.get(form.get("_method", "").lower(), method)
        visit = Visit(request, method, form, carried, found, _wants_json(request.headers))
        if found is None:
            visit.forget()
        elif found.new_token is not None:
            carried.token = found.new_token
            visit.keep(Opened(found.session, found.new_token))
        return visit

    def _handled(self, visit: Visit, handlers: Mapping[str, Handler]) -> Response:
        method = "GET" if visit.method == "HEAD" else visit.method
        if method not in handlers:
            raise HTTPException(405)
        if visit.method not in SAFE and not _is_harmless(visit):
            require_token(visit.carried.csrf, visit.request.headers, visit.form)
        return handlers[method](visit)

    def _finish(self, visit: Visit, response: Response, before: str | None) -> None:
        if self._written(visit.carried) != before:
            self.cookies.write(visit.request, response, visit.carried)
        if visit._remember is not None:  # noqa: SLF001 - of this module
            self.cookies.remember(visit.request, response, visit._remember, VALID)  # noqa: SLF001
        elif visit._forget:  # noqa: SLF001
            self.cookies.forget(visit.request, response)

    def _token(self, request: Request, carried: Carried) -> str | None:
        return carried.token or self.cookies.remembered(request)

    def _written(self, carried: Carried) -> str:
        return json.dumps([carried.csrf, carried.token, carried.flashes, carried.return_to])


def recent(handler: Handler, sessions: Sessions) -> Handler:
    """Let only those in who logged in within the last minutes."""

    def guarded(visit: Visit) -> Response:
        if not sessions.is_fresh(visit.session):
            raise LoginNotRecent("You must re-authenticate to access this page.")
        return handler(visit)

    return guarded


def invalid(details: Mapping[str, str]) -> Response:
    """Tell a program what is wrong with which field."""
    said = {field: [message] for field, message in details.items()}
    return _json({"error": "Validation failed", "code": "VALIDATION_ERROR", "details": said}, 422)


def _is_harmless(visit: Visit) -> bool:
    """Whether nothing is gained by having a browser send this.

    There is nobody to act for: leaving is all there is to do. Or it is JSON, which other sites
    cannot have a browser send unasked.
    """
    if visit.found is not None:
        return False
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return visit.method == "DELETE" or kind == "application/json"


def _failed(visit: Visit, error: StemwrightError) -> Response:
    match error:
        case CsrfRefused():
            return _refused(visit, 403, "Forbidden", "invalid_csrf_token", error.message)
        case NotAdministrator():
            return _refused(visit, 403, "Forbidden", "forbidden", error.message)
        case NotLoggedIn() | LoginNotRecent() if not visit.wants_json:
            visit.say(error.message, "error")
            visit.carried.return_to = _place(visit.request)
            return visit.redirect(LOG_IN)
        case NotLoggedIn() | LoginNotRecent():
            return _refused(visit, 401, "Unauthorized", "unauthorized", error.message)
        case RateLimited():
            response = _refused(
                visit,
                429,
                "Too Many Requests",
                "RATE_LIMITED",
                error.message,
                retry_after=error.retry_after_s,
            )
            response.headers["retry-after"] = str(error.retry_after_s)
            return response
        case _ if error.http_status < 500:
            return _refused(visit, error.http_status, error.message, "invalid_parameter")
        case _:
            raise error


def _refused(
    visit: Visit, status: int, title: str, code: str, message: str = "", **extra: object
) -> Response:
    if visit.wants_json:
        said = {"message": message} if message else {}
        return _json({"error": title, "code": code, **said, **extra}, status)
    return visit.page("problem.html", status, title=title, message=message)


def _json(said: Mapping[str, Any], status: int) -> Response:
    return JSONResponse(said, status, headers={**BROWSER_HEADERS, **_UNKEPT})


def _wants_json(headers: Headers) -> bool:
    accepted = headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _place(request: Request) -> str | None:
    """Where a browser that is sent to log in was going; what it was sending is lost."""
    if request.method != "GET":
        return request.url.path
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


async def _form(request: Request) -> tuple[Mapping[str, str], str | None]:
    """The fields of a form, or of JSON in the same names; and what is wrong with it."""
    if request.method in SAFE:
        return {}, None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            return _flat(json.loads(await request.body() or b"{}")), None
        except (ValueError, RecursionError):
            return {}, "Invalid JSON"
    if kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return {}, None
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES)
    return {name: value for name, value in form.items() if isinstance(value, str)}, None


def _flat(said: object) -> Mapping[str, str]:
    """``{"user": {"email": "…"}}`` in the names that forms have: ``user[email]``."""
    if not isinstance(said, dict):
        raise ValueError("not an object")  # noqa: TRY004 - as what cannot be parsed at all
    found: dict[str, str] = {}
    for name, value in said.items():
        parts = value.items() if isinstance(value, dict) else [(None, value)]
        for part, text in parts:
            key = name if part is None else f"{name}[{part}]"
            if isinstance(text, bool):
                found[key] = "true" if text else "false"
            elif isinstance(text, str):
                text.encode()  # half a surrogate pair, which nothing could show or keep
                found[key] = text
    return found
