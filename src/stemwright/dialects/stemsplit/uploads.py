"""Uploads: a ticket with an address to PUT the file to, outside of this API."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from .access import BaseUrl, Caller, Services
from .errors import answers
from .replies import UploadInstructions, UploadTicketReply
from .requests import UploadRequest

router: Final = APIRouter(tags=["uploads"])


@router.post("/upload", responses=answers(400), name="create upload")
def create(
    caller: Caller, services: Services, asked: UploadRequest, base_url: BaseUrl
) -> UploadTicketReply:
    """Ask for an address to upload a file to."""
    ticket = services.uploads.create(caller.owner, asked.filename, asked.content_type, base_url)
    return UploadTicketReply(
        upload_url=ticket.upload_url,
        upload_key=ticket.upload_key,
        expires_at=ticket.expires_at,
        max_file_size_bytes=ticket.max_file_size_bytes,
        max_file_size_mb=ticket.max_file_size_bytes // 2**20,
        content_type=ticket.content_type,
        instructions=UploadInstructions(
            step1=f"PUT the file to uploadUrl with the header Content-Type: {ticket.content_type}",
            step2="POST /api/v1/jobs with the uploadKey",
            note="uploadUrl works for 15 minutes, without an Authorization header.",
        ),
    )
