"""A WARC record -> its document: a response, a resource (without HTTP) or a conversion (text that an archive extracted)."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.read.charset import DecodedText, decode_text
from pipelines.read.html import RESERVATIONS, extract_page, robots_directives, tidy_text
from pipelines.read.payload import Payload, content_kind, essence, parse_http, stated_charset
from pipelines.read.records import Document, Meta, Rejected, Unread, dropped, failed
from pipelines.read.warc_records import WarcRecord
from schemas.recipe import Read


def read_record(record: WarcRecord, read: Read) -> Document | Unread:
    """The document of an intact record, or why it has none."""
    try:
        return _document(record, read)
    except Rejected as rejected:
        return rejected.unread


def _document(record: WarcRecord, read: Read) -> Document:
    payload = _payload(record, read.max_record_bytes)
    content_type = payload.headers.get("content-type", "")
    if not payload.body.strip():
        raise dropped("empty_body")
    kind = content_kind(payload.body, content_type, record.headers.get("warc-identified-payload-type", ""))
    meta: Meta = {"content_type": essence(content_type)}
    if truncated := _why_truncated(record.headers, payload):
        meta["truncated"] = truncated
    if record.lacks_checksum:
        meta["no_checksum"] = True
    url = target_uri(record.headers)
    if kind == "text":
        decoded = decode_text(payload.body, stated_charset(content_type))
        text, licence, rights = tidy_text(decoded.text), None, []
        if not text:
            raise dropped("empty_text")
    else:
        if len(payload.body) > read.max_html_bytes:
            raise failed("html_too_large", len(payload.body), read.max_html_bytes)
        decoded = decode_text(payload.body, stated_charset(content_type), is_html=True)
        page = extract_page(decoded.text, read.extractor, url, read.ruby)
        if not page.text:
            raise dropped("no_main_content")
        text, licence, rights = page.text, page.licence, list(page.rights)
        meta |= {name: value for name, value in (("title", page.title), ("html_lang", page.lang)) if value}
        if page.is_fallback:
            meta["whole_page"] = True
        if page.n_repeated:
            meta["repeated_lines"] = page.n_repeated
    meta |= _charset_meta(decoded)
    rights += _header_rights(payload.headers)
    return Document(
        text,
        url=url,
        fetched_at=warc_date(record.headers.get("warc-date", "")),
        licence=licence,
        rights=", ".join(dict.fromkeys(rights)) or None,
        meta=meta,
    )


def _payload(record: WarcRecord, max_bytes: int) -> Payload:
    """The body of the HTTP response, or the block itself if the record does not contain HTTP."""
    content_type = record.headers.get("content-type", "")
    is_http = record.headers["warc-type"].lower() == "response" and essence(content_type) in ("application/http", "")
    return parse_http(record.block, max_bytes) if is_http else Payload({"content-type": content_type}, record.block)


def _why_truncated(headers: dict[str, str], payload: Payload) -> str | None:
    """Why only the beginning of the page is there: the value of WARC-Truncated, or "segment" if other records continue this one."""
    if stated := headers.get("warc-truncated"):
        return stated
    return "segment" if "warc-segment-number" in headers else "unspecified" if payload.is_cut else None


def _charset_meta(decoded: DecodedText) -> Meta:
    meta: Meta = {"charset": decoded.charset}
    if decoded.bad_ratio:
        meta["bad_char_ratio"] = round(decoded.bad_ratio, 4)
    return meta


def _header_rights(headers: dict[str, str]) -> list[str]:
    rights = robots_directives(headers.get("x-robots-tag", ""))
    reservation = headers.get("tdm-reservation", "").strip().lower()
    return [*rights, f"tdm-reservation={reservation}"] if reservation in RESERVATIONS else rights


def target_uri(headers: dict[str, str]) -> str | None:
    """The URL of the record; some writers put it in angle brackets."""
    return headers.get("warc-target-uri", "").strip("<> \0") or None


def warc_date(date: str) -> datetime | None:
    """When the record was made; None if the date is not valid."""
    try:
        moment = datetime.fromisoformat(date)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # year 1 or 9999 may lie outside of the calendar once converted to UTC
        return None
