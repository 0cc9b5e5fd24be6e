"""The pages to register, log in and log out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from stemwright.errors import (
    AccountSuspended,
    EmailNotVerified,
    LoginLinkInvalid,
    LoginRefused,
    RegistrationClosed,
)
from stemwright.features.accounts.account import User
from stemwright.web.cookies import safe_path

from .account_services import AccountServices
from .fields import EMAIL, PASSWORD, Unfit, email_in, explained, password_in
from .pages import STYLE, blanks, style
from .settings_pages import SETTINGS, SettingsPages
from .spotify_pages import SETTINGS_SHORT, SpotifyPages
from .visits import LOG_IN, Visit, invalid, recent

REGISTER: Final = "/users/register"
_TOKEN: Final = "user[token]"  # noqa: S105 - a field's name
_SENT: Final = (
    "If your email is in our system, you will receive instructions for logging in shortly."
)
_REGISTERED: Final = "An email was sent to {}, please access it to confirm your account."
_OPENED: Final = "Account created. You can log in now."


def create_routes(services: AccountServices) -> list[BaseRoute]:
    """All routes of this package that browsers come to."""
    pages, settings = AccountPages(services), SettingsPages(services)
    spotify, door, sessions = SpotifyPages(services), services.door(), services.sessions
    change = settings.change
    return [
        Route(STYLE, style),
        door.route(REGISTER, {"GET": pages.show_register, "POST": pages.register}),
        Route("/users/log_in", _hyphen, methods=["GET", "POST"]),
        Route("/users/log_in/{token}", _hyphen, methods=["GET", "POST"]),
        door.route(LOG_IN, {"GET": pages.show_log_in, "POST": pages.log_in}),
        door.route(f"{LOG_IN}/{{token}}", {"GET": pages.show_link, "POST": pages.log_in}),
        door.route("/users/log-out", {"DELETE": pages.log_out}),
        door.route(
            "/users/settings",
            {"GET": recent(settings.show, sessions), "PUT": recent(change, sessions)},
        ),
        Route(SETTINGS_SHORT, _settings, methods=["GET"]),
        door.route("/users/settings/confirm-email/{token}", {"GET": settings.confirm_email}),
        door.route("/auth/spotify", {"GET": spotify.begin}),
        door.route("/auth/spotify/callback", {"GET": spotify.finish}, waits=True),
    ]


@dataclass(frozen=True, slots=True)
class AccountPages:
    """For people without a session, in the main."""

    services: AccountServices

    # ------------------------------------------------------------------------------- register

    def show_register(self, visit: Visit) -> Response:
        """The form."""
        if visit.wants_json:
            return visit.answer(csrf_token=visit.carried.csrf)
        if visit.found is not None:
            return visit.redirect("/")
        return self._register_page(visit)

    def register(self, visit: Visit) -> Response:
        """Open an account; nobody is logged in by that."""
        if visit.found is not None and not visit.wants_json:
            return visit.redirect("/")
        self.services.attempts.admit(visit.request.scope)
        registration = self.services.registration
        try:
            email = email_in(visit.form)
            wanted = registration.needs_password or visit.form.get(PASSWORD)
            password = password_in(visit.form, confirmed=False) if wanted else None
            with explained():
                registration.register(email, password)
        except Unfit as unfit:
            if visit.wants_json:
                return invalid(unfit.problems)
            return self._register_page(visit, unfit)
        except RegistrationClosed as error:
            if visit.wants_json:
                raise
            visit.say(error.message, "error")
            return visit.redirect(LOG_IN)
        message = _OPENED if registration.needs_password else _REGISTERED.format(email)
        if visit.wants_json:
            return visit.answer(201, email=email, message=message)
        visit.say(message)
        return visit.redirect(LOG_IN)

    # --------------------------------------------------------------------------------- log in

    def show_log_in(self, visit: Visit) -> Response:
        """Two forms: for a link, and for a password; also to log in again."""
        if "return_to" in visit.query:
            visit.carried.return_to = safe_path(visit.query["return_to"])
        if visit.wants_json:
            return visit.answer(csrf_token=visit.carried.csrf, logged_in=visit.found is not None)
        return self._log_in_page(visit)

    def log_in(self, visit: Visit) -> Response:
        """By a link's token, by address and password, or else send a link."""
        try:
            if _TOKEN in visit.form:
                return self._by_link(visit)
            if PASSWORD in visit.form:
                return self._by_password(visit)
        except (LoginRefused, AccountSuspended, EmailNotVerified) as error:
            return self._not_in(visit, error.message)
        return self._send_link(visit)

    def show_link(self, visit: Visit) -> Response:
        """Ask whoever follows a link to press a button: mail programs follow links as well."""
        token = visit.path_parameters["token"]
        try:
            user = self.services.links.owner_of(token)
        except LoginLinkInvalid as error:
            return self._bad_link(visit, error)
        if visit.wants_json:
            return visit.answer(email=user.email, csrf_token=visit.carried.csrf)
        return self._link_page(visit, token, user)

    def log_out(self, visit: Visit) -> Response:
        """End the session, if there is one."""
        if visit.found is not None:
            self.services.sessions.close(visit.session.id)
        visit.log_out()
        visit.found = None
        if visit.wants_json:
            return visit.answer(logged_out=True)
        visit.say("Logged out successfully.")
        return visit.redirect("/")

    # -------------------------------------------------------------------------------- private

    def _by_password(self, visit: Visit) -> Response:
        email = visit.form.get(EMAIL, "").strip()
        self.services.attempts.admit(visit.request.scope, email)
        user = self.services.sessions.check_password(email, visit.form[PASSWORD])
        return self._let_in(visit, user, "Welcome back!")

    def _by_link(self, visit: Visit) -> Response:
        token = visit.form[_TOKEN]
        self.services.attempts.admit(visit.request.scope, token)
        links = self.services.links
        try:
            before = links.owner_of(token)
            user = links.redeem(token, visit.form.get(PASSWORD, ""))
        except LoginLinkInvalid as error:
            return self._bad_link(visit, error)
        except LoginRefused as error:
            if visit.wants_json:
                raise
            return self._link_page(visit, token, before, error.message)
        is_new = before.email_verified_at is None
        return self._let_in(
            visit, user, "User confirmed successfully." if is_new else "Welcome back!"
        )

    def _let_in(self, visit: Visit, user: User, greeting: str) -> Response:
        opened = self.services.sessions.open(
            user.id,
            remember=visit.form.get("user[remember_me]") in {"true", "on", "1"},
            instead_of=visit.session if visit.found is not None else None,
        )
        visit.log_in(opened)
        place = visit.carried.take_return()
        if visit.wants_json:
            who = {"id": user.id, "email": user.email}
            return visit.answer(user=who, csrf_token=visit.carried.csrf, return_to=place)
        visit.say(greeting)
        return visit.redirect(place)

    def _send_link(self, visit: Visit) -> Response:
        email = visit.form.get(EMAIL, "").strip()
        self.services.attempts.admit(visit.request.scope, email)
        self.services.links.request_log_in(email)
        if visit.wants_json:
            return visit.answer(message=_SENT)
        visit.say(_SENT)
        return visit.redirect(LOG_IN)

    def _not_in(self, visit: Visit, message: str) -> Response:
        if visit.wants_json:
            raise LoginRefused(message)
        visit.say(message, "error")
        return self._log_in_page(visit, visit.form.get(EMAIL, "")[:160])

    def _bad_link(self, visit: Visit, error: LoginLinkInvalid) -> Response:
        if visit.wants_json:
            raise error
        visit.say(error.message, "error")
        return visit.redirect(LOG_IN)

    def _register_page(self, visit: Visit, unfit: Unfit | None = None) -> Response:
        registration = self.services.registration
        return visit.page(
            "register.html",
            typed=visit.form.get(EMAIL, "")[:200],
            problems=blanks(unfit.problems if unfit else {}),
            needs_password=registration.needs_password,
            is_open=registration.is_open,
        )

    def _log_in_page(self, visit: Visit, typed: str = "") -> Response:
        known = visit.found.principal.email if visit.found else ""
        return visit.page(
            "log_in.html",
            typed=typed or known,
            password_first=visit.query.get("mode") == "password",
            delivers=self.services.links.mailer.delivers,
            is_open=self.services.registration.is_open,
        )

    def _link_page(self, visit: Visit, token: str, user: User, problem: str = "") -> Response:
        return visit.page(
            "link.html",
            token=token,
            whose=user.email,
            is_new=user.email_verified_at is None,
            asks_password=user.email_verified_at is None and user.has_password,
            problem=problem,
        )


async def _hyphen(request: Request) -> Response:
    """The address as other documents spell it."""
    query = f"?{request.url.query}" if request.url.query else ""
    path = request.url.path.replace("/users/log_in", LOG_IN, 1)
    return RedirectResponse(f"{path}{query}", 308)


async def _settings(_request: Request) -> Response:
    """The settings by their short address."""
    return RedirectResponse(SETTINGS, 302)
