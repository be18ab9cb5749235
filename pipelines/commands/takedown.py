"""`takedown`: shows what a request would remove, asks, removes it, and prints the certificates."""

from __future__ import annotations

from pathlib import Path

from pipelines.commands.options import ConfirmationOptions, RequestOptions
from pipelines.commands.screen import agree, say, show_certificate, stopped
from pipelines.takedown.takedown import asked_for, takedown
from schemas.certificate import pending_path


def take_down(folder: Path, request: RequestOptions, confirmation: ConfirmationOptions) -> None:
    """Remove the requested documents from a run, or finish an unfinished takedown. Raises RequestError unless a person agrees."""
    asked = asked_for(request.url or (), request.host or (), request.email_hash or (), request.phone_hash or (), request.doc_id or ())
    try:
        certificates = takedown(
            folder,
            asked,
            request.reason,
            with_copies=request.with_copies,
            agree=lambda found: agree(found, confirmation.max_documents, yes=confirmation.yes),
        )
    except KeyboardInterrupt:
        is_pending = pending_path(folder).is_file()
        raise stopped(f"stopped half way; finish it with takedown {folder}" if is_pending else "stopped; nothing was changed") from None
    if not certificates:
        say("the request matches no document of this run; nothing was changed")
    for certificate in certificates:
        show_certificate(certificate, folder)
