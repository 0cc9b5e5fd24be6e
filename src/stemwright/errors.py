"""Every failure stemwright reports, in one tree.

    StemwrightError
    ├── InputError                 the song given cannot be used
    │   ├── InputNotFound
    │   ├── UnreadableAudio        no decoder takes it, or it breaks off at once
    │   ├── NoAudioStream          a container without audio
    │   ├── EmptyAudio             decodes to zero samples
    │   └── AudioTooLong
    ├── OptionError                an option or argument makes no sense
    ├── ModelError
    │   ├── UnknownModel
    │   ├── UnknownStem
    │   ├── WeightsMissing         known, but not installed
    │   ├── WeightsCorrupt         checksum, shape or class differ
    │   ├── DownloadFailed         every configured source failed
    │   └── LicenceRefused         the operator's policy forbids these weights
    ├── FetchError                 a remote file could not be had
    │   ├── AddressRefused         scheme, port or address is not allowed
    │   ├── RemoteUnreachable      name, connection, TLS, time, status
    │   └── RemoteTooLarge
    ├── RuntimeUnavailable         no runtime on this machine can execute the model
    ├── OutputError                a result could not be written
    └── Cancelled                  the user asked to stop

Each class carries a stable ``code`` for machines, an HTTP status and a process exit code; the
message says what happened, to what, and what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class StemwrightError(Exception):
    """Base of all failures that are reported to a user rather than raised as a defect."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InputError(StemwrightError):
    """The song cannot be used."""

    code = "input.invalid"
    http_status = 422
    exit_code = 4


class InputNotFound(InputError, FileNotFoundError):
    """No readable file at the given path."""

    code = "input.not_found"
    http_status = 404


class UnreadableAudio(InputError):
    """No decoder makes sense of the file."""

    code = "input.unreadable"


class NoAudioStream(InputError):
    """The container holds no audio stream."""

    code = "input.no_audio"


class EmptyAudio(InputError):
    """The file decodes to zero samples."""

    code = "input.empty"


class AudioTooLong(InputError):
    """The song exceeds the configured duration."""

    code = "input.too_long"
    http_status = 413


class OptionError(StemwrightError, ValueError):
    """An option or a combination of options makes no sense."""

    code = "options.invalid"
    http_status = 400
    exit_code = 2


class ModelError(StemwrightError):
    """A model cannot be used."""

    code = "model.invalid"
    http_status = 503
    exit_code = 5


class UnknownModel(ModelError, LookupError):
    """The catalogue holds no model of this name."""

    code = "model.unknown"
    http_status = 400


class UnknownStem(ModelError, LookupError):
    """The model does not separate the stem asked for."""

    code = "model.unknown_stem"
    http_status = 400


class WeightsMissing(ModelError):
    """The model is known but its weights are not installed."""

    code = "weights.missing"


class WeightsCorrupt(ModelError):
    """Weights differ from what the catalogue promises."""

    code = "weights.corrupt"


class DownloadFailed(ModelError):
    """Every configured source of the weights failed."""

    code = "weights.download_failed"


class LicenceRefused(ModelError):
    """The operator's licence policy forbids these weights."""

    code = "weights.licence_refused"
    http_status = 403


class FetchError(StemwrightError):
    """A remote file could not be had."""

    code = "fetch.failed"
    http_status = 502
    exit_code = 8


class AddressRefused(FetchError):
    """The address policy forbids the request."""

    code = "fetch.refused"
    http_status = 400


class RemoteUnreachable(FetchError):
    """Name, connection, TLS, time or status stands in the way."""

    code = "fetch.unreachable"


class RemoteTooLarge(FetchError):
    """The remote file exceeds the size allowed."""

    code = "fetch.too_large"
    http_status = 413


class RuntimeUnavailable(StemwrightError):
    """No runtime on this machine can execute the model."""

    code = "runtime.unavailable"
    http_status = 503
    exit_code = 6


class OutputError(StemwrightError):
    """A result could not be written."""

    code = "output.failed"
    http_status = 507
    exit_code = 7


class Cancelled(StemwrightError):
    """The user asked to stop."""

    code = "cancelled"
    http_status = 409
    exit_code = 130
