"""``stemwright jobs``: what was asked of the service, by anybody, and how it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemwright.errors import OptionError, StemwrightError

from .columns import print_columns, print_facts, stamp
from .opened import opened_database, opened_service
from .opening import accounts_in, credits_by, service_packages
from .reports import printable, write_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stemwright.features.accounts.service import Accounts
    from stemwright.jobs.job import Job, Status
    from stemwright.jobs.service import Jobs

    from .wiring import Wiring

jobs = typer.Typer(no_args_is_help=True, help="List, show, cancel and retry jobs.")

SOME_FAILED = 3


class StatusChoice(StrEnum):
    """What a job can be."""

    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    expired = "expired"


class KindChoice(StrEnum):
    """What jobs there are."""

    stems = "stems"
    youtube = "youtube"
    soundcloud = "soundcloud"
    denoise = "denoise"


_Id = Annotated[str, typer.Argument(metavar="ID", help="As 'stemwright jobs list' has it.")]
_User = Annotated[str | None, typer.Option(metavar="EMAIL", help="Only this account's jobs.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


@jobs.command("list")
def list_jobs(
    context: typer.Context,
    status: Annotated[StatusChoice | None, typer.Option(help="Only jobs that are so.")] = None,
    kind: Annotated[KindChoice | None, typer.Option(help="Only jobs of this kind.")] = None,
    user: _User = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many jobs.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="How many of the newest to leave out.")] = 0,
    as_json: _Json = False,
) -> None:
    """List jobs, the newest first."""
    with _reading(context) as (known, accounts):
        owner = None if user is None else accounts.find_user(user).id
        kinds = None if kind is None else (kind.value,)
        wanted: Status | None = None if status is None else status.value
        page = known.page(owner, kinds, wanted, limit, offset)
        emails = {account.id: account.email for account in accounts.list_users()}
    found = [job_document(job, emails) for job in page.jobs]
    if as_json:
        print(json.dumps({"jobs": found, "total": page.total}, indent=2))
        return
    print_columns(_HEADINGS, [_row(it) for it in found])
    if page.total > len(found):
        print(f"{len(found)} of {page.total}; --limit and --offset show others")


@jobs.command("show")
def show(context: typer.Context, job_id: _Id, as_json: _Json = False) -> None:
    """Say everything known of a job."""
    with _reading(context) as (known, accounts):
        job = known.find(None, job_id)
        emails = {account.id: account.email for account in accounts.list_users()}
    document = job_document(job, emails)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        print_facts(_facts(document))


@jobs.command("cancel")
def cancel(
    context: typer.Context,
    job_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Jobs that wait or run.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All jobs that wait or run.")] = False,
    user: _User = None,
    as_json: _Json = False,
) -> None:
    """Cancel jobs: one that waits at once, one that runs within a second or two."""
    if bool(job_ids) == everything:
        raise OptionError("Name the jobs to cancel, or say --all.")
    if user is not None and not everything:
        raise OptionError("--user goes with --all.")
    with opened_service(context) as service:
        if everything:
            owner = None if user is None else service.accounts.find_user(user).id
            _say_count(service.jobs.cancel_all(owner), as_json=as_json)
            return
        status = _cancel_each(service.jobs, job_ids or (), as_json=as_json)
    raise typer.Exit(status)


@jobs.command("retry")
def retry(context: typer.Context, job_id: _Id, as_json: _Json = False) -> None:
    """Let a job that failed or was cancelled run again; credits are held anew."""
    with opened_service(context) as service:
        job = service.jobs.retry(job_id)
    if as_json:
        print(json.dumps(job_document(job, {}), indent=2))
    else:
        print(f"{job.id} is {job.status}")


def _cancel_each(known: Jobs, job_ids: Sequence[str], *, as_json: bool) -> int:
    """Cancel what can be; the exit status."""
    reached, errors = [], []
    for job_id in job_ids:
        try:
            reached.append(known.cancel(job_id))
        except StemwrightError as error:
            errors.append(error)
            write_error(error)
    if as_json:
        print(json.dumps([job_document(job, {}) for job in reached], indent=2))
    else:
        for job in reached:
            print(f"{job.id} is {'being stopped' if job.status == 'running' else job.status}")
    if not errors:
        return 0
    return SOME_FAILED if reached else errors[0].exit_code


def _say_count(count: int, *, as_json: bool) -> None:
    print(json.dumps({"cancelled": count}) if as_json else f"{count} cancelled")


@contextmanager
def _reading(context: typer.Context) -> Iterator[tuple[Jobs, Accounts]]:
    """Open jobs and accounts to look at."""
    wiring: Wiring = context.obj
    with opened_database(context) as database, service_packages():
        from stemwright.jobs.queue import DurableQueue  # noqa: PLC0415  # --help stays cheap
        from stemwright.jobs.service import Jobs  # noqa: PLC0415

        accounts = accounts_in(database, credits_by(wiring.settings()))
        try:
            yield Jobs(database, DurableQueue(database)), accounts
        finally:
            accounts.close()


def job_document(job: Job, emails: Mapping[str, str]) -> dict[str, Any]:
    """Everything of a job; ``user`` is its account's address if that is known."""
    error = {"code": job.error_code, "message": job.error_message} if job.error_code else None
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "progress": job.progress,
        "phase": job.phase,
        "user": emails.get(job.owner, job.owner),
        "attempt": job.attempt,
        "created_at": stamp(job.created_at),
        "started_at": stamp(job.started_at),
        "completed_at": stamp(job.completed_at),
        "expires_at": stamp(job.expires_at),
        "credits_held": job.cost,
        "credits_charged": job.charged,
        "error": error,
        "request": dict(job.request),
        "facts": dict(job.facts),
        "result": None if job.result is None else dict(job.result),
        "files": [
            {"name": file.name, "key": file.key, "size_bytes": file.size_bytes}
            for file in job.artefacts
        ],
    }


_HEADINGS = ("ID", "KIND", "STATUS", "%", "CREATED", "USER", "SONG")


def _row(document: dict[str, Any]) -> tuple[str, ...]:
    return (
        document["id"],
        document["kind"],
        document["status"],
        str(document["progress"]),
        document["created_at"],
        document["user"],
        _song(document["facts"]),
    )


def _song(facts: Mapping[str, Any]) -> str:
    names = (facts.get(name) for name in ("file_name", "video_title", "track_title"))
    return str(next((name for name in names if name), ""))


def _facts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        match value:
            case None | [] | {}:
                continue
            case {"code": code, "message": message}:
                yield name, f"{code}: {message}"
            case dict():
                yield name, json.dumps(value, ensure_ascii=False)
            case list():
                for file in value:
                    yield file["name"], f"{file['key']}, {file['size_bytes']} bytes"
            case _:
                yield name.replace("_at", "").replace("_", " "), printable(str(value))
