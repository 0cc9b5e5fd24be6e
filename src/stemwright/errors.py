"""Every failure stemwright reports, in one tree.

    StemwrightError
    ├── InputError                 the song given cannot be used
    │   ├── InputNotFound
    │   ├── UnreadableAudio        no decoder takes it, or it breaks off at once
    │   ├── NoAudioStream          a container without audio
    │   ├── EmptyAudio             decodes to zero samples
    │   ├── AudioTooLong
    │   ├── AudioTooShort
    │   ├── FileTooLarge
    │   └── NotAudio               a page, a playlist, a video without sound
    ├── OptionError                an option or argument makes no sense
    ├── ModelError
    │   ├── UnknownModel
    │   ├── UnknownStem
    │   ├── WeightsMissing         known, but not installed
    │   ├── WeightsCorrupt         checksum, shape or class differ
    │   ├── DownloadFailed         every configured source failed
    │   ├── LicenceRefused         the operator's policy forbids these weights
    │   ├── LicenceNotAccepted     nobody has accepted the terms of these weights
    │   └── ModelInUse             jobs need what is to be removed
    ├── FetchError                 a remote file could not be had
    │   ├── AddressRefused         scheme, port or address is not allowed
    │   ├── RemoteUnreachable      connection, TLS, time, status
    │   │   └── NameUnresolved
    │   └── RemoteTooLarge
    ├── SourceError                a song named by a link cannot be taken from there
    │   ├── InvalidSourceUrl
    │   ├── SourceUrlUnreachable
    │   ├── InvalidYoutubeUrl
    │   ├── VideoUnavailable       removed, blocked in this region, for members
    │   ├── VideoPrivate
    │   ├── VideoAgeRestricted
    │   ├── VideoLive              a stream that is not over
    │   ├── VideoTooLong
    │   ├── InvalidSoundcloudUrl
    │   ├── TrackNotFound          private, deleted, or only a preview
    │   ├── InvalidSpotifyUrl
    │   ├── SpotifyNotConfigured   no credentials of an app
    │   ├── SpotifyFailed          refused, limited, or no answer
    │   │   └── SpotifyNotLinked   a user's link is missing, or was taken back
    │   ├── SpotifyStateInvalid    what came back does not belong to a link begun here
    │   ├── SpotifyAccessDenied    the user did not agree to the link
    │   └── ServiceUnavailable     the site does not answer us now; later it may
    ├── RuntimeUnavailable         no runtime on this machine can execute the model
    ├── JobError                   a job cannot be had, changed or finished
    │   ├── JobNotFound            no such job, or somebody else's
    │   ├── JobStateConflict       what is asked does not fit the job's state
    │   ├── IdempotencyConflict    one key, two requests
    │   ├── JobAbandoned           its process died again and again
    │   └── ChildDied              the process at work was killed or crashed
    ├── AuthError                  a request does not say, or may not be, who it is from
    │   ├── MissingApiKey
    │   ├── InvalidKeyFormat
    │   ├── InvalidApiKey          no such key
    │   ├── KeyRevoked
    │   ├── KeyExpired
    │   ├── EmailNotVerified
    │   ├── AccountSuspended
    │   └── SessionError           a browser cannot go on as it is
    │       ├── NotLoggedIn
    │       ├── LoginNotRecent     too long ago for what is asked
    │       ├── LoginRefused       address and password do not belong together
    │       ├── LoginLinkInvalid   unknown, used, or its time is over
    │       ├── RegistrationClosed
    │       ├── NotAdministrator
    │       └── CsrfRefused        a form that is not from a page of ours
    ├── AccountError               an account or key cannot be made, found or changed
    │   ├── UnknownUser
    │   ├── UnknownApiKey
    │   ├── EmailTaken
    │   ├── InvalidEmail
    │   ├── InvalidPassword        too short or too long
    │   └── InvalidName
    ├── CreditError                credits cannot move that way
    │   ├── InsufficientCredits
    │   └── CreditsOutOfOrder      a job was paid, refunded or held already
    ├── ServiceError               the service cannot run here
    │   ├── ServiceNotInstalled    its packages are missing
    │   ├── SealBroken             what is kept encrypted does not open
    │   ├── MailFailed             a message was not taken
    │   └── DatabaseUnavailable
    ├── StorageError               the object storage refuses, or cannot be used
    │   ├── StorageMissing         no object of that key
    │   ├── StorageUnreachable
    │   └── StorageFull
    ├── LinkError                  a signed address does not open anything
    │   ├── LinkInvalid            made up, or changed
    │   └── LinkExpired
    ├── UploadError                an uploaded file cannot be taken or had
    │   ├── UnsupportedFormat      by the name's extension
    │   ├── UploadTooLarge
    │   ├── UploadEmpty
    │   ├── UploadIncomplete       the client went away
    │   ├── UploadInUse            a job has it, so it stays as it is
    │   ├── UploadNotFound         unknown, somebody else's, expired, never sent
    │   └── QuotaExceeded          the account has too much waiting
    ├── WebhookError               a webhook cannot be made or found
    │   ├── InvalidWebhookUrl      malformed, unknown or not on the open internet
    │   ├── UnknownWebhookEvent
    │   ├── TooManyWebhooks
    │   ├── WebhookNotFound        no such webhook, or somebody else's
    │   └── DeliveryNotFound
    ├── LibraryError               a track, or what is kept of it, cannot be had
    │   ├── UnknownTrack
    │   ├── UnknownStemFile
    │   ├── NoAnalysis             the track has none yet
    │   ├── AccessDenied           it is somebody else's
    │   ├── AudioNotReady          nothing was downloaded or uploaded for the track
    │   ├── NoStems                the track has none yet
    │   ├── StemsUnreadable        there are stems, and none of them can be read
    │   └── PathRefused            a path that leads, or may lead, out of its folder
    ├── SongDownloadError          a song cannot be brought into the library
    │   ├── InvalidDownloadUrl
    │   ├── InvalidQuality
    │   ├── NoMatchingAudio        nothing found is the song that was meant
    │   └── DownloadedFileInvalid  what came is no song
    ├── ProcessingError            a track cannot be separated as asked
    │   ├── InvalidSeparationModel
    │   └── InvalidEngine
    ├── AnalysisError              a track cannot be analysed as asked
    │   └── InvalidFeatures
    ├── MixError                   stems cannot be mixed as asked
    │   ├── InvalidManifest        what to do with them is not said as it should be
    │   └── InvalidStem            a file among them does not decode
    ├── LalalaiError               lalal.ai did not separate the song
    │   ├── LalalaiNotConfigured   no licence key
    │   ├── LalalaiRejected        the licence key
    │   ├── LalalaiRefused         the request, for a reason of theirs
    │   ├── LalalaiQuota           minutes, or the plan's length or size of a file
    │   ├── LalalaiUnavailable     unreachable, busy or broken; later it may do
    │   ├── LalalaiFailed          they tried
    │   ├── LalalaiCancelled       stopped over there
    │   └── LalalaiTimeout
    ├── RequestError               an HTTP request cannot be taken as it came
    │   ├── ParameterMissing       a field it must have
    │   ├── InvalidParameter       a field that is not what it must be
    │   ├── InvalidJson            its body
    │   ├── RateLimited            too many in a minute
    │   ├── RequestTooLarge        its body
    │   └── RequestTooSlow
    ├── OutputError                a result could not be written
    └── Cancelled                  the user asked to stop

Each class carries a stable ``code`` for machines, an HTTP status and a process exit code; the
message says what happened, to what, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class StemwrightError(Exception):
    """Base of all failures that are reported to a user rather than raised as a defect."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        # by its parts: pickle would call the class with the message alone, which not all take
        return _restored, (type(self), self.args, self.__dict__)


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

    def __init__(
        self,
        message: str,
        *,
        max_duration_s: int | None = None,
        actual_duration_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.max_duration_s = max_duration_s
        self.actual_duration_s = actual_duration_s


class AudioTooShort(InputError):
    """The song is shorter than anything worth separating."""

    code = "input.too_short"

    def __init__(self, message: str, *, min_duration_s: int, actual_duration_s: int) -> None:
        super().__init__(message)
        self.min_duration_s = min_duration_s
        self.actual_duration_s = actual_duration_s


class FileTooLarge(InputError):
    """The file has more bytes than are taken."""

    code = "input.too_large"
    http_status = 413

    def __init__(self, message: str, *, max_size_bytes: int, actual_size_bytes: int) -> None:
        super().__init__(message)
        self.max_size_bytes = max_size_bytes
        self.actual_size_bytes = actual_size_bytes


class NotAudio(InputError):
    """What a link led to is a page, a playlist, or nothing that holds sound."""

    code = "input.not_audio"
    http_status = 415


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


class LicenceNotAccepted(ModelError):
    """Weights are fetched only for those who accept their terms."""

    code = "weights.licence_not_accepted"
    http_status = 403


class ModelInUse(ModelError):
    """A model cannot be removed while jobs wait for it or run with it."""

    code = "model.in_use"
    http_status = 409


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


class NameUnresolved(RemoteUnreachable):
    """No name server knows the host."""

    code = "fetch.unresolved"


class RemoteTooLarge(FetchError):
    """The remote file exceeds the size allowed."""

    code = "fetch.too_large"
    http_status = 413


class SourceError(StemwrightError):
    """A song named by a link cannot be taken from there."""

    code = "source.failed"
    http_status = 400
    exit_code = 8


class InvalidSourceUrl(SourceError, ValueError):
    """The link is not one to a file that may be fetched."""

    code = "source.invalid_url"


class SourceUrlUnreachable(SourceError):
    """Name, connection, TLS, time or status stands between us and the file."""

    code = "source.unreachable"


class InvalidYoutubeUrl(SourceError, ValueError):
    """The link does not name one YouTube video."""

    code = "youtube.invalid_url"


class VideoUnavailable(SourceError):
    """The video is gone, blocked in this region, or for members only."""

    code = "youtube.unavailable"


class VideoPrivate(SourceError):
    """Only its owner sees the video."""

    code = "youtube.private"


class VideoAgeRestricted(SourceError):
    """The video is shown to adults who are signed in."""

    code = "youtube.age_restricted"


class VideoLive(SourceError):
    """The video is a stream that is announced or not over."""

    code = "youtube.live"


class VideoTooLong(SourceError):
    """The video is longer than allowed."""

    code = "youtube.too_long"

    def __init__(self, message: str, *, max_duration_s: int, actual_duration_s: int) -> None:
        super().__init__(message)
        self.max_duration_s = max_duration_s
        self.actual_duration_s = actual_duration_s


class InvalidSoundcloudUrl(SourceError, ValueError):
    """The link does not name one SoundCloud track."""

    code = "soundcloud.invalid_url"


class TrackNotFound(SourceError):
    """The track is private, deleted, or offered as a preview only."""

    code = "soundcloud.not_found"


class InvalidSpotifyUrl(SourceError, ValueError):
    """The link does not name one track, album or playlist."""

    code = "spotify.invalid_url"


class SpotifyNotConfigured(SourceError):
    """The operator has not given the credentials of an app."""

    code = "spotify.not_configured"
    http_status = 503


class SpotifyFailed(SourceError):
    """Spotify refuses, limits how much is asked, or does not answer."""

    code = "spotify.failed"
    http_status = 502

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """Of Spotify's answer, if there was one."""
        self.retry_after_s = retry_after_s


class SpotifyNotLinked(SpotifyFailed):
    """The user has not linked an account, or has to do it anew."""

    code = "spotify.not_linked"


class SpotifyStateInvalid(SourceError, ValueError):
    """What came back from Spotify does not belong to a link begun here, or no longer."""

    code = "spotify.state_invalid"


class SpotifyAccessDenied(SourceError):
    """The user did not agree to link the account."""

    code = "spotify.access_denied"
    http_status = 403


class ServiceUnavailable(SourceError):
    """The site does not answer us now; the same request may succeed later."""

    code = "source.unavailable"
    http_status = 503


class RuntimeUnavailable(StemwrightError):
    """No runtime on this machine can execute the model."""

    code = "runtime.unavailable"
    http_status = 503
    exit_code = 6


class JobError(StemwrightError):
    """A job cannot be had, changed or finished."""

    code = "job.failed"
    exit_code = 12


class JobNotFound(JobError, LookupError):
    """No such job, or somebody else's; the two look the same."""

    code = "job.not_found"
    http_status = 404

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id[:64]!r}.")


class JobStateConflict(JobError):
    """What is asked of a job does not fit the state it is in."""

    code = "job.state_conflict"
    http_status = 409


class IdempotencyConflict(JobError):
    """One idempotency key was sent with two different requests."""

    code = "job.idempotency_conflict"
    http_status = 409


class JobAbandoned(JobError):
    """Every process that worked on the job died of it."""

    code = "job.abandoned"


class ChildDied(JobError):
    """The child process at work was killed, crashed, or fell silent."""

    code = "job.child_died"
    http_status = 503


class AuthError(StemwrightError):
    """A request does not say who it is from, or who it is from may not use the service."""

    code = "auth.refused"
    http_status = 401
    exit_code = 10


class MissingApiKey(AuthError):
    """There is no header with a Bearer token."""

    code = "auth.missing_key"


class InvalidKeyFormat(AuthError):
    """The token does not look like one of our keys."""

    code = "auth.key_format"


class InvalidApiKey(AuthError):
    """Nobody was given this key."""

    code = "auth.invalid_key"


class KeyRevoked(AuthError):
    """The key was taken back."""

    code = "auth.key_revoked"
    http_status = 403


class KeyExpired(AuthError):
    """The key's time is over."""

    code = "auth.key_expired"
    http_status = 403


class EmailNotVerified(AuthError):
    """The account's e-mail address is not confirmed yet."""

    code = "auth.email_not_verified"
    http_status = 403


class AccountSuspended(AuthError):
    """The operator has suspended the account."""

    code = "auth.account_suspended"
    http_status = 403


class SessionError(AuthError):
    """What a browser asks for cannot be done in the session it has."""

    code = "session.refused"


class NotLoggedIn(SessionError):
    """The browser has no session, or it has ended."""

    code = "session.missing"


class LoginNotRecent(SessionError):
    """The session is good; the last log-in was too long ago to change the account."""

    code = "session.not_recent"


class LoginRefused(SessionError):
    """No account has this address and this password; which of the two is wrong is not told."""

    code = "session.login_refused"


class LoginLinkInvalid(SessionError):
    """A link from a message is unknown, was used, or its time is over."""

    code = "session.link_invalid"


class RegistrationClosed(SessionError):
    """The operator opens accounts himself."""

    code = "session.registration_closed"
    http_status = 403


class NotAdministrator(SessionError):
    """The page is for those who run the server."""

    code = "session.not_administrator"
    http_status = 403


class CsrfRefused(SessionError):
    """A request that changes something was not made by a page of this session."""

    code = "session.csrf"
    http_status = 403


class AccountError(StemwrightError):
    """An account or key cannot be made, found or changed."""

    code = "account.invalid"
    http_status = 400
    exit_code = 10


class UnknownUser(AccountError, LookupError):
    """No account has this e-mail address or id."""

    code = "account.unknown"
    http_status = 404


class UnknownApiKey(AccountError, LookupError):
    """No key, or more than one, has this id or prefix."""

    code = "account.unknown_key"
    http_status = 404


class EmailTaken(AccountError):
    """Another account has this e-mail address."""

    code = "account.email_taken"
    http_status = 409


class InvalidEmail(AccountError, ValueError):
    """Not an e-mail address."""

    code = "account.invalid_email"


class InvalidPassword(AccountError, ValueError):
    """A password is too short or too long."""

    code = "account.invalid_password"


class InvalidName(AccountError, ValueError):
    """A name is empty, too long, or not printable."""

    code = "account.invalid_name"


class CreditError(StemwrightError):
    """Credits cannot move that way."""

    code = "credits.invalid"
    http_status = 400
    exit_code = 10


class InsufficientCredits(CreditError):
    """An account has fewer credits than something costs."""

    code = "credits.insufficient"
    http_status = 402

    def __init__(self, message: str, *, required_seconds: int) -> None:
        super().__init__(message)
        self.required_seconds = required_seconds


class CreditsOutOfOrder(CreditError):
    """A job's credits were settled or refunded already, or held otherwise."""

    code = "credits.out_of_order"
    http_status = 409


class ServiceError(StemwrightError):
    """The service cannot run here."""

    code = "service.unavailable"
    http_status = 503
    exit_code = 11


class ServiceNotInstalled(ServiceError):
    """The packages that only the service needs are missing."""

    code = "service.not_installed"


class SealBroken(ServiceError):
    """What is kept encrypted does not open with this secret."""

    code = "service.seal_broken"


class MailFailed(ServiceError):
    """The mail server does not take a message."""

    code = "session.mail_failed"


class DatabaseUnavailable(ServiceError):
    """The database cannot be opened or reached."""

    code = "service.database_unavailable"


class StorageError(StemwrightError):
    """The object storage refuses, or cannot be used."""

    code = "storage.failed"
    http_status = 503
    exit_code = 7


class StorageMissing(StorageError, LookupError):
    """There is no object of that key, or no longer."""

    code = "storage.missing"
    http_status = 404


class StorageUnreachable(StorageError):
    """The storage does not answer."""

    code = "storage.unreachable"


class StorageFull(StorageError):
    """There is no room for the object."""

    code = "storage.full"
    http_status = 507


class LinkError(StemwrightError):
    """A signed address does not open anything."""

    code = "link.refused"
    http_status = 403


class LinkInvalid(LinkError):
    """The address was made up, or changed after it was signed."""

    code = "link.invalid"


class LinkExpired(LinkError):
    """The address was good, and its time is over."""

    code = "link.expired"


class UploadError(StemwrightError):
    """An uploaded file cannot be taken or had."""

    code = "upload.failed"
    http_status = 400


class UnsupportedFormat(UploadError):
    """No format stemwright takes has this extension."""

    code = "upload.unsupported_format"

    def __init__(self, file_name: str, supported: tuple[str, ...]) -> None:
        super().__init__(
            f"{file_name!r} is not of a format taken here; send one of: {', '.join(supported)}."
        )
        self.supported = supported


class UploadTooLarge(UploadError):
    """The file is larger than allowed."""

    code = "upload.too_large"
    http_status = 413

    def __init__(self, max_bytes: int, actual_bytes: int) -> None:
        super().__init__(
            f"The file has {actual_bytes} bytes or more; at most {max_bytes} are taken. "
            "Send it shorter, or in a compressed format."
        )
        self.max_bytes = max_bytes
        self.actual_bytes = actual_bytes


class UploadEmpty(UploadError):
    """The file has no bytes."""

    code = "upload.empty"


class UploadIncomplete(UploadError):
    """The client went away before the file was complete."""

    code = "upload.incomplete"


class UploadInUse(UploadError):
    """A job has the file, so it cannot be sent anew."""

    code = "upload.in_use"
    http_status = 409


class UploadNotFound(UploadError, LookupError):
    """Unknown, somebody else's, expired or never sent; they all look the same."""

    code = "upload.not_found"
    http_status = 404


class QuotaExceeded(UploadError):
    """The account has too many bytes waiting for a job."""

    code = "upload.quota_exceeded"
    http_status = 413


class WebhookError(StemwrightError):
    """A webhook cannot be made or found."""

    code = "webhook.invalid"
    http_status = 400
    exit_code = 12


class InvalidWebhookUrl(WebhookError, ValueError):
    """The address is malformed, its name is unknown, or it is not on the open internet."""

    code = "webhook.invalid_url"


class UnknownWebhookEvent(WebhookError, ValueError):
    """Nothing of that name ever happens."""

    code = "webhook.unknown_event"


class TooManyWebhooks(WebhookError):
    """The account has as many webhooks as it may have."""

    code = "webhook.too_many"


class WebhookNotFound(WebhookError, LookupError):
    """No such webhook, or somebody else's; the two look the same."""

    code = "webhook.not_found"
    http_status = 404

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"There is no webhook {webhook_id[:64]!r}.")


class DeliveryNotFound(WebhookError, LookupError):
    """No such delivery, or somebody else's; the two look the same."""

    code = "webhook.delivery_not_found"
    http_status = 404

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no delivery {delivery_id!r}.")


class LibraryError(StemwrightError):
    """A track, or what is kept of it, cannot be had."""

    code = "track.failed"
    http_status = 404


class UnknownTrack(LibraryError, LookupError):
    """There is no such track."""

    code = "track.not_found"

    def __init__(self, track_id: str) -> None:
        super().__init__(f"There is no track {track_id[:64]!r}.")


class UnknownStemFile(LibraryError, LookupError):
    """There is no such stem, or not any more: its track was separated anew."""

    code = "track.stem_not_found"

    def __init__(self, stem_id: str) -> None:
        super().__init__(f"There is no stem {stem_id[:64]!r}.")


class NoAnalysis(LibraryError, LookupError):
    """The track has not been analysed."""

    code = "track.no_analysis"


class AccessDenied(LibraryError):
    """It is somebody else's."""

    code = "track.access_denied"
    http_status = 403

    def __init__(self, what: str = "It") -> None:
        super().__init__(f"Access denied: {what} belongs to another account.")


class AudioNotReady(LibraryError):
    """Nothing was downloaded or uploaded for the track yet."""

    code = "track.audio_not_ready"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "Track has no audio: bring it with POST /api/download/track, by its url or, after "
            "POST /api/v1/upload, by its upload_key."
        )


class NoStems(LibraryError, LookupError):
    """The track has not been separated."""

    code = "track.no_stems"


class StemsUnreadable(LibraryError):
    """There are stems, and none of their files can be read."""

    code = "track.stems_unreadable"
    http_status = 422


class PathRefused(LibraryError, ValueError):
    """A path that leads, or could be read to lead, out of its folder."""

    code = "track.path_refused"
    http_status = 403


class SongDownloadError(StemwrightError):
    """A song cannot be brought into the library."""

    code = "download.failed"
    http_status = 502
    exit_code = 8


class InvalidDownloadUrl(SongDownloadError, ValueError):
    """The link is none to Spotify or YouTube, and leads to no audio file."""

    code = "download.invalid_url"
    http_status = 400


class InvalidQuality(SongDownloadError, ValueError):
    """There is no such quality."""

    code = "download.invalid_quality"
    http_status = 400


class NoMatchingAudio(SongDownloadError, LookupError):
    """Nothing that was found is the song that was meant."""

    code = "download.no_match"

    def __init__(self, message: str, *, candidates: list[str]) -> None:
        super().__init__(message)
        self.candidates = candidates
        """What was found and why it was refused, each in a line."""


class DownloadedFileInvalid(SongDownloadError):
    """What came, or what was made of it, is no song."""

    code = "download.invalid_file"


class ProcessingError(StemwrightError):
    """A track cannot be separated as asked."""

    code = "processing.invalid"
    http_status = 400


class InvalidSeparationModel(ProcessingError, ValueError):
    """No model of that name separates tracks."""

    code = "processing.invalid_model"


class InvalidEngine(ProcessingError, ValueError):
    """There is no such engine, or it does not take what was asked of it."""

    code = "processing.invalid_engine"


class AnalysisError(StemwrightError):
    """A track cannot be analysed as asked."""

    code = "analysis.invalid"
    http_status = 400


class InvalidFeatures(AnalysisError, ValueError):
    """No feature is named, or one that does not exist."""

    code = "analysis.invalid_features"


class MixError(StemwrightError):
    """Stems cannot be mixed as asked."""

    code = "mix.invalid"
    http_status = 400


class InvalidManifest(MixError, ValueError):
    """The manifest of a mix is no manifest, or asks for what its stems do not allow.

    ``details`` has a message for each place in it, as in ``{"edits[0].params.level": "…"}``.
    """

    code = "mix.invalid_manifest"

    def __init__(self, details: Mapping[str, str]) -> None:
        told = "; ".join(f"{path}: {message}" for path, message in list(details.items())[:3])
        more = f"; and {len(details) - 3} more" if len(details) > 3 else ""
        super().__init__(f"The manifest cannot be used: {told}{more}.")
        self.details = dict(details)


class InvalidStem(MixError):
    """A file given as a stem cannot be decoded."""

    code = "mix.invalid_stem"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The stem {name!r} cannot be mixed: {reason}")
        self.name = name


class LalalaiError(StemwrightError):
    """The cloud engine did not separate the song."""

    code = "lalalai.error"
    http_status = 502
    exit_code = 8


class LalalaiNotConfigured(LalalaiError):
    """Neither the user nor the server has a licence key."""

    code = "lalalai.not_configured"
    http_status = 503

    def __init__(self) -> None:
        super().__init__(
            "lalal.ai API key not configured: add your own in the settings, or let the operator "
            "set STEMWRIGHT_LALALAI_API_KEY."
        )


class LalalaiRejected(LalalaiError):
    """The licence key is unknown there, has no API access, or is not there any more."""

    code = "lalalai.rejected"


class LalalaiRefused(LalalaiError):
    """A request was refused for another reason; repeating it would not help."""

    code = "lalalai.refused"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        """Their code, where they gave one."""


class LalalaiQuota(LalalaiError):
    """The account's minutes, or what its plan allows for one file, do not suffice."""

    code = "lalalai.quota"


class LalalaiUnavailable(LalalaiError):
    """Not reached, too busy, or out of order; the same request may succeed later."""

    code = "lalalai.unavailable"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """What the service asked for."""


class LalalaiFailed(LalalaiError):
    """The task was taken and failed, or brought something else than was asked for."""

    code = "lalalai.failed"


class LalalaiCancelled(LalalaiError):
    """The task was cancelled over there and not by this server's worker."""

    code = "lalalai.cancelled"


class LalalaiTimeout(LalalaiError):
    """The task did not end, or did not move, in the time it was given."""

    code = "lalalai.timeout"


class RequestError(StemwrightError):
    """An HTTP request cannot be taken as it came."""

    code = "request.invalid"
    http_status = 400


class ParameterMissing(RequestError):
    """A field that a request must have is not there, empty, or of another type."""

    code = "request.parameter_missing"

    def __init__(self, field: str, instead: str = "") -> None:
        super().__init__(f"{field} parameter is required")
        self.field = field
        self.instead = instead
        """What could be sent in its place, and how."""


class InvalidParameter(RequestError, ValueError):
    """A field is there and is not what it must be."""

    code = "request.invalid_parameter"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class InvalidJson(RequestError, ValueError):
    """The body of a request is no JSON."""

    code = "request.invalid_json"


class RateLimited(RequestError):
    """The caller made too many requests in a minute."""

    code = "request.rate_limited"
    http_status = 429

    def __init__(self, retry_after_s: int) -> None:
        unit = "second" if retry_after_s == 1 else "seconds"
        super().__init__(f"Too many requests. Try again in {retry_after_s} {unit}.")
        self.retry_after_s = retry_after_s


class RequestTooLarge(RequestError):
    """The body is larger than a request to the API may be; songs are uploaded elsewhere."""

    code = "request.too_large"
    http_status = 413

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"The request's body is larger than {most_bytes} bytes.")
        self.most_bytes = most_bytes


class RequestTooSlow(RequestError):
    """The body did not come in time."""

    code = "request.too_slow"
    http_status = 408

    def __init__(self, most_s: float) -> None:
        super().__init__(f"The request's body was not there within {most_s:g} seconds.")


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


def revived(code: str, message: str, fields: Mapping[str, Any]) -> StemwrightError:
    """Make the error again that another process met and described by its parts."""
    kind = next((known for known in _family(StemwrightError) if known.code == code), None)
    if kind is None:
        return StemwrightError(message)
    return _restored(kind, (message,), {**fields, "message": message})


def _family(kind: type[StemwrightError]) -> Iterator[type[StemwrightError]]:
    for known in kind.__subclasses__():
        yield known
        yield from _family(known)


def _restored(
    kind: type[StemwrightError], args: tuple[Any, ...], facts: dict[str, Any]
) -> StemwrightError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error
