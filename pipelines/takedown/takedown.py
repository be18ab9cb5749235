"""Remove documents from a finished run, everywhere in its folder, and certify it.

The index names the documents, their ids the files. New files are first made beside the run (`prepare`), from a state that nobody changes;
then they take the places of the old ones (`commit`). A takedown that is stopped while it prepares has changed nothing; one that is stopped
later is finished by the next. The ledger keeps the removed rows in files of their own, so no later decision brings the documents back.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from pipelines.scrub.column import scrub_text
from pipelines.scrub.index import TakedownRequest
from pipelines.scrub.opt_out import is_sha256
from pipelines.takedown.preview import Preview
from pipelines.takedown.state import STEP, NewState, write_state_file
from pipelines.text.domains import is_domain
from schemas import certificate as certificates
from schemas import layout
from schemas.certificate import Certificate, RemovedDocument, Request
from schemas.errors import CorpusmillError, RequestError
from schemas.files import entry, sha256_of
from schemas.hops import LEDGER
from schemas.ledger import Outcome
from schemas.lock import locked
from schemas.manifest import marker_path, read_marker, read_run, write_marker
from schemas.recipe import Recipe, Scrub
from schemas.stages import StageName


def asked_for(
    urls: Sequence[str] = (),
    hosts: Sequence[str] = (),
    email_hashes: Sequence[str] = (),
    phone_hashes: Sequence[str] = (),
    doc_ids: Sequence[str] = (),
) -> TakedownRequest:
    """The request as it is looked for; RequestError, which shows no value, where an entry has not its form."""
    for number, host in enumerate(hosts, 1):
        if not is_domain(host):
            raise RequestError(
                "CM-TAKEDOWN-007", f"--host number {number} is no domain; write one such as example.com, or give an address with --url"
            )
    given = (("--email-hash", "address in lower case", email_hashes), ("--phone-hash", "number in E.164", phone_hashes))
    for option, value, hashes in given:
        for number, one in enumerate(hashes, 1):
            if not is_sha256(one):
                raise RequestError(
                    "CM-TAKEDOWN-008", f"{option} number {number} is no sha256 (64 hex digits); hash the {value}, so that it is in no log"
                )
    for number, doc_id in enumerate(doc_ids, 1):
        if len(doc_id) != 32 or not set(doc_id.lower()) <= set("0123456789abcdef"):
            raise RequestError("CM-TAKEDOWN-009", f"--doc-id number {number} is no id of 32 hex digits, as the ledger has them")
    to_bytes = bytes.fromhex
    return TakedownRequest(
        urls=tuple(urls),
        hosts=tuple(hosts),
        email_hashes=tuple(map(to_bytes, email_hashes)),
        phone_hashes=tuple(map(to_bytes, phone_hashes)),
        doc_ids=tuple(map(to_bytes, doc_ids)),
    )


def takedown(
    folder: Path,
    asked: TakedownRequest,
    reason: str | None = None,
    now: datetime | None = None,
    *,
    with_copies: bool = False,
    agree: Callable[[Preview], None] = lambda preview: None,
) -> list[Certificate]:
    """Remove the documents of the request and return its certificate, after that of a takedown that was stopped; empty if none was found.

    `agree` is shown what was found before anything is made, and refuses it by raising. OutputError if the run is not finished, its files
    are not as it wrote them, or another command is at work on it: then nothing was changed.
    """
    if not folder.is_dir():
        NewState.read(folder)  # raises if the run is damaged
    with locked(folder):
        finished = [commit(folder)] if certificates.pending_path(folder).is_file() else []
        shutil.rmtree(certificates.staging(folder), ignore_errors=True)
        try:
            found = prepare(folder, asked, reason, now or datetime.now(UTC), with_copies=with_copies, agree=agree)
        except (CorpusmillError, KeyboardInterrupt):
            if not certificates.pending_path(folder).is_file():
                shutil.rmtree(certificates.staging(folder), ignore_errors=True)
            raise
        return [*finished, commit(folder)] if found else finished


def prepare(
    folder: Path,
    asked: TakedownRequest,
    reason: str | None,
    now: datetime,
    *,
    with_copies: bool = False,
    agree: Callable[[Preview], None] = lambda preview: None,
) -> bool:
    """Make all new files and the certificate beside the run; False if nothing is to be removed."""
    run = NewState.read(folder)
    found = run.find(asked, with_copies=with_copies)
    named = found.named
    if not named:
        return False
    agree(found)
    number = len(certificates.certificates(folder)) + 1
    ids = pa.array(sorted(named), pa.binary(16))
    ledger = run.remove(ids)
    rows = pl.DataFrame(ledger)
    run.add_ledger(_takedown_rows(ledger, named), number)
    run.update_counts(rows, ids)
    run.write_state()
    certificate = Certificate(
        number=number,
        time=now.isoformat(timespec="seconds"),
        request=_without_values(asked, reason, with_copies=with_copies),
        n_records=rows.height,
        n_tokens=run.n_tokens,
        documents=_removed(named, rows),
        survivors_left=tuple(sorted(one.hex() for one in (*found.staying.get_column("doc_id"), *found.elsewhere))),
        files=tuple(run.rewritten[path] for path in sorted(run.rewritten)),
        not_touched=_not_touched(folder, run.recipe),
    )
    by_source = _counted(found.documents.get_column("source"))
    certificates.write_certificate(certificates.pending_path(folder), _with_counts(certificate, by_source))
    return True


def _removed(named: dict[bytes, str], ledger: pl.DataFrame) -> tuple[RemovedDocument, ...]:
    """The documents of the request, each with its outcome in the ledger before."""
    outcomes = dict(ledger.select("doc_id", "outcome").iter_rows())
    return tuple(RemovedDocument(doc_id=doc_id.hex(), reason=why, was=outcomes[doc_id]) for doc_id, why in sorted(named.items()))


def _with_counts(certificate: Certificate, by_source: dict[str, int]) -> Certificate:
    documents = certificate.documents
    counts = {
        "reason": _counted(one.reason for one in documents),
        "was": _counted(one.was for one in documents),
        "source": by_source,
    }
    return dataclasses.replace(certificate, counts=counts)


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def commit(folder: Path) -> Certificate:
    """Move the new files into place, write the report of the remaining run, and the certificate."""
    pending, staging = certificates.pending_path(folder), certificates.staging(folder)
    certificate = certificates.read_certificate(pending)
    for file in certificate.files:
        if (staging / file.path).is_file():
            (staging / file.path).replace(folder / file.path)
    reported = _report_again(folder)
    files = (dataclasses.replace(file, sha256_after=file.sha256_after or reported[file.path]) for file in certificate.files)
    certificate = dataclasses.replace(certificate, files=tuple(files))
    certificates.write_certificate(certificates.certificate_path(folder, certificate.number), certificate)
    pending.unlink()
    shutil.rmtree(staging, ignore_errors=True)
    return certificate


def _report_again(folder: Path) -> dict[str, str]:
    """Digests of the files that depend on the report, after it was written again; run.json and the marker state them."""
    record = read_marker(folder, StageName.REPORT)
    if record is not None:
        from pipelines.report.page import write_report  # noqa: PLC0415 - heavy

        record = dataclasses.replace(record, outputs=tuple(entry(path, folder) for path in write_report(folder)))
        write_marker(folder, record)
        records = [found for found in (read_marker(folder, stage) for stage in StageName) if found is not None]
        write_state_file(folder, read_run(folder), records)
    late = [
        folder / "run.json",
        marker_path(folder, StageName.REPORT),
        *(folder / file.path for file in (record.outputs if record else ())),
    ]
    return {str(path.relative_to(folder)): sha256_of(path) for path in late if path.is_file()}


def _takedown_rows(ledger: pa.Table, named: dict[bytes, str]) -> pa.Table:
    """The removed ledger rows with their new end."""
    n = ledger.num_rows
    new = {
        "step": pa.array([STEP] * n),
        "outcome": pa.array([Outcome.DROPPED.value] * n),
        "reason": pa.array([f"{STEP}.{named[doc_id]}" for doc_id in ledger.column("doc_id").to_pylist()]),
    }
    gone = {name: pa.nulls(n) for name in ("value", "limit", "survivor_id")}
    columns = new | gone
    return pa.table([columns.get(field.name, ledger.column(field.name)).cast(field.type) for field in LEDGER], schema=LEDGER)


def _without_values(asked: TakedownRequest, reason: str | None, *, with_copies: bool) -> Request:
    """The request as the certificate states it."""
    return Request(
        urls=tuple(_scrubbed(asked.urls)),
        hosts=asked.hosts,
        email_hashes=tuple(one.hex() for one in asked.email_hashes),
        phone_hashes=tuple(one.hex() for one in asked.phone_hashes),
        doc_ids=tuple(one.hex() for one in asked.doc_ids),
        reason=None if reason is None else next(iter(_scrubbed([reason]))),
        with_copies=with_copies,
    )


def _scrubbed(texts: Sequence[str]) -> Iterable[str]:
    column = pa.array([text.replace("%40", "@") for text in texts], pa.large_string())
    nothing = pa.nulls(len(texts), pa.large_string())
    found: list[str] = scrub_text(column, nothing, nothing, Scrub())[0].to_pylist()
    return found


def _not_touched(folder: Path, recipe: Recipe) -> dict[str, str]:
    """Places that may still contain parts of the documents, and why."""
    found = {"sources": "they are not this run's; name the documents in opt_out lists for runs to come"}
    if (folder / layout.CRAWL).is_dir():
        found["crawl/"] = "other pages may link or redirect to the documents; the records of these are blank"
    if recipe.tokenizer.path is None and (folder / layout.TOKENIZER_FILE).parent.is_dir():
        found["tokenizer/"] = "counts over a sample of the documents chose its tokens"
    if (folder / layout.VALIDATION).is_dir():
        found["validation/"] = "its model was trained on the documents"
    if recipe.dedup.index:
        found[f"dedup.index {recipe.dedup.index}"] = "hashes of the documents, by which later runs leave out their copies"
    return found
