"""Chapter 11: pages of accounts, for browsers and for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from .forge_rows import Row, problem

REGISTER, LOG_IN, LOG_OUT = "/users/register", "/users/log-in", "/users/log-out"
SETTINGS, LINK, CALLBACK = "/users/settings", "/auth/spotify", "/auth/spotify/callback"
_HTML = {"content-type": re.compile("text/html.*")}
_SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": re.compile(
        r"(?=.*camera=\(\))(?=.*microphone=\(\))(?=.*geolocation=\(\)).*"
    ),
    "content-security-policy": re.compile(
        r"(?=.*default-src 'self')(?=.*object-src 'none')(?=.*base-uri 'self')"
        r"(?=.*connect-src [^;]*ws:[^;]*wss:[^;]*https://api\.spotify\.com)"
        r"(?=.*img-src [^;]*scdn\.co)(?!.*unsafe-eval).*"
    ),
}
_TO_LOG_IN = {"status": 302, "tells": {"location": LOG_IN}}
_INVALID = problem(422, "Validation failed", "VALIDATION_ERROR")


def _has_token(answer: httpx.Response) -> None:
    assert re.search(r'<meta name="csrf-token" content="[^"]{16,}">', answer.text)
    hidden = re.findall(r"<input[^>]+>", answer.text)
    forms = [tag for tag in hidden if 'name="_csrf_token"' in tag]
    assert len(forms) >= answer.text.count('method="post"') > 0


def _to_spotify(answer: httpx.Response) -> None:
    split = urlsplit(answer.headers["location"])
    query = {name: values[0] for name, values in parse_qs(split.query).items()}
    assert split.path == "/authorize"
    assert query["response_type"] == "code"
    assert query["client_id"] == "app-id"
    assert urlsplit(query["redirect_uri"]).path == CALLBACK
    assert query["code_challenge_method"] == "S256"
    assert len(query["state"]) > 16
    assert "playlist-read-private" in query["scope"]


def _cookie_is_safe(answer: httpx.Response) -> None:
    [cookie] = [
        said
        for said in answer.headers.get_list("set-cookie")
        if said.startswith("_sound_forge_key=")
    ]
    lower = cookie.lower()
    assert "httponly" in lower
    assert "samesite=lax" in lower


PAGES = [
    Row("a form", "GET", REGISTER, who="browser", tells={**_HTML, **_SECURE}, check=_has_token),
    Row(
        "a safe cookie",
        "GET",
        REGISTER,
        who="browser",
        headers={"cookie": ""},
        check=_cookie_is_safe,
    ),
    Row("no use to who is logged in", "GET", REGISTER, 302, who="session", tells={"location": "/"}),
    Row(
        "two forms",
        "GET",
        LOG_IN,
        who="browser",
        tells={**_HTML, **_SECURE},
        shows=('name="user[email]"', 'name="user[password]"', 'name="user[remember_me]"'),
        check=_has_token,
    ),
    Row(
        "by password",
        "GET",
        f"{LOG_IN}?mode=password",
        who="browser",
        shows=('name="user[password]"',),
    ),
    Row("of this session", "GET", SETTINGS, who="session", tells=_HTML, shows=("user[email]",)),
    *(
        Row("who is not logged in is sent to log in", "GET", path, who="browser", **_TO_LOG_IN)
        for path in (SETTINGS, LINK, "/users/settings/confirm-email/nonsense")
    ),
    *(
        Row(
            "spelt with an underscore",
            "GET",
            f"/users/log_in{rest}",
            308,
            who="browser",
            tells=told,
        )
        for rest in ("", "?mode=password", "/a-token")
        for told in [{"location": re.compile(rf"(http://[^/]+)?{re.escape(LOG_IN + rest)}")}]
    ),
    Row("a link that is none", "GET", f"{LOG_IN}/nonsense", who="browser", **_TO_LOG_IN),
    Row("away to Spotify", "GET", LINK, 302, who="session", check=_to_spotify),
    *(
        Row("a state that is none", "GET", f"{CALLBACK}?{query}", 302, who="browser", tells=told)
        for query in ("code=AQ-1&state=nonsense", "code=AQ-1", "error=access_denied&state=x", "")
        for told in [{"location": "/"}]
    ),
    # ------------------------------------------------------------------------------------- forgery
    *(
        Row(f"{says}, without a token", method, path, 403, who="session", form=form, tells=_HTML)
        for says, method, path, form in (
            ("a change", "PUT", SETTINGS, {"action": "update_email", "user[email]": "x@y.z"}),
            ("a change", "POST", SETTINGS, {"_method": "put", "action": "update_email"}),
            ("leaving", "DELETE", LOG_OUT, None),
            ("leaving", "POST", LOG_OUT, {"_method": "delete"}),
            ("coming", "POST", LOG_IN, {"user[email]": "x@y.z", "user[password]": "x" * 12}),
            ("a new account", "POST", REGISTER, {"user[email]": "x@y.z"}),
        )
    ),
    Row(
        "another token",
        "PUT",
        SETTINGS,
        403,
        who="session",
        form={"action": "update_email", "_csrf_token": "x" * 43},
    ),
    Row(
        "a program is told so in JSON",
        "PUT",
        SETTINGS,
        who="session",
        headers={"accept": "application/json"},
        json={"action": "update_email"},
        **problem(403, "Forbidden", "invalid_csrf_token"),
    ),
    # ------------------------------------------------------------------------------------ programs
    *(
        Row("a program is told", "GET", path, who="program", **refused)
        for path in (SETTINGS, LINK)
        for refused in [problem(401, "Unauthorized", "unauthorized")]
    ),
    *(
        Row(
            f"{user} is refused",
            "POST",
            REGISTER,
            who="program",
            json={"user": user},
            **{**_INVALID, "body": {**_INVALID["body"], f"details.{wrong}.0": said}},
        )
        for user, wrong, said in (
            ({"email": "", "password": "x" * 12}, "email", str),
            (
                {"email": "nobody", "password": "x" * 12},
                "email",
                "must have the @ sign and no spaces",
            ),
            (
                {"email": "a b@c.d", "password": "x" * 12},
                "email",
                "must have the @ sign and no spaces",
            ),
            (
                {"email": "a@b@c", "password": "x" * 12},
                "email",
                "must have the @ sign and no spaces",
            ),
            ({"email": f"{'a' * 156}@b.cd", "password": "x" * 12}, "email", str),
            ({"email": "<email>", "password": "x" * 12}, "email", "has already been taken"),
            ({"email": "new@example.org", "password": "x" * 11}, "password", str),
            ({"email": "new@example.org", "password": "x" * 73}, "password", str),
            ({"email": "new@example.org", "password": "é" * 37}, "password", str),
        )
    ),
    Row(
        "half of JSON is none",
        "POST",
        LOG_IN,
        who="program",
        raw=("application/json", b'{"user": {'),
        **problem(400, "Invalid JSON", "invalid_json"),
    ),
    *(
        Row(
            f"{says} is refused",
            "POST",
            LOG_IN,
            who="program",
            json={"user": user},
            status=401,
            body={"error": str, "code": str},
        )
        for says, user in (
            ("a wrong password", {"email": "<email>", "password": "x" * 12}),
            ("an unknown account", {"email": "nobody@example.org", "password": "x" * 12}),
        )
    ),
    Row(
        "a link is promised to anybody",
        "POST",
        LOG_IN,
        who="program",
        json={"user": {"email": "nobody@example.org"}},
        body={"data": dict},
    ),
]


@dataclass(frozen=True)
class Submission:
    """A form that a browser fills in and sends, and what becomes of it."""

    says: str
    path: str
    fields: Mapping[str, str]
    status: int = 200
    location: str | None = None
    shows: tuple[str, ...] = ()
    on: str | None = None
    logged_in: bool = False
    """By somebody of their own, who has just logged in; else by nobody yet."""
    then: tuple[str, ...] = ()
    """What the page shows that one is sent to."""

    def __str__(self) -> str:
        return f"{self.path}: {self.says}"


_BAD = "Invalid email or password"
_NEW_PASSWORD = "another horse battery"


def _change(says: str, action: str, *shows: str, **fields: str) -> Submission:
    """A change that is refused, on the page itself."""
    told = {"_method": "put", "action": action, **fields}
    return Submission(says, SETTINGS, told, 200, shows=shows, logged_in=True)


def _changed(says: str, action: str, **fields: str) -> Submission:
    told = {"_method": "put", "action": action, **fields}
    return Submission(says, SETTINGS, told, 302, SETTINGS, logged_in=True)


SUBMISSIONS = [
    Submission(
        "an account is opened, and nobody logged in",
        REGISTER,
        {"email": "fresh@example.org", "password": "x" * 12},
        302,
        LOG_IN,
        then=("Log in",),
    ),
    *(
        Submission(f"{says} is shown on the form", REGISTER, fields, shows=(shown,))
        for says, fields, shown in (
            ("no password", {"email": "a@example.org"}, "can&#39;t be blank"),
            ("a short one", {"email": "a@example.org", "password": "x"}, "at least 12"),
            ("no address", {"email": "", "password": "x" * 12}, "can&#39;t be blank"),
            ("no @", {"email": "a", "password": "x" * 12}, "must have the @ sign and no spaces"),
            ("a comma", {"email": "a,b@c.d", "password": "x" * 12}, "must have the @ sign and no"),
            ("a semicolon", {"email": "a;b@c.d", "password": "x" * 12}, "must have the @ sign"),
            ("an address in use", {"email": "<email>", "password": "x" * 12}, "already been taken"),
        )
    ),
    Submission(
        "a wrong password", LOG_IN, {"email": "<email>", "password": "x" * 12}, shows=(_BAD,)
    ),
    Submission(
        "an account that is not there",
        LOG_IN,
        {"email": "nobody@example.org", "password": "x" * 12},
        shows=(_BAD,),
    ),
    Submission("the right ones", LOG_IN, {"email": "<email>", "password": "<password>"}, 302, "/"),
    Submission(
        "an address alone asks for a link",
        LOG_IN,
        {"email": "<email>"},
        302,
        LOG_IN,
        then=("If your email",),
    ),
    Submission(
        "and so for who is not known",
        LOG_IN,
        {"email": "nobody@example.org"},
        302,
        LOG_IN,
        then=("If your email",),
    ),
    Submission("leaving without having come", LOG_OUT, {"_method": "delete"}, 302, "/", on=LOG_IN),
    Submission("leaving", LOG_OUT, {"_method": "delete"}, 302, "/", on=LOG_IN, logged_in=True),
    _changed(
        "a new password",
        "update_password",
        password=_NEW_PASSWORD,
        password_confirmation=_NEW_PASSWORD,
    ),
    _changed("a new address", "update_email", email="moved@example.org"),
    _change(
        "two that differ",
        "update_password",
        "does not match password",
        password=_NEW_PASSWORD,
        password_confirmation="x" * 12,
    ),
    _change(
        "a short one", "update_password", "at least 12", password="x", password_confirmation="x"
    ),
    _change("no address", "update_email", "must have the @ sign and no spaces", email="nobody"),
    _change("somebody else's", "update_email", "already been taken", email="<email>"),
    _change("the same address", "update_email", "did not change", email="<own>"),
    _change("something else", "dance", ""),
]
