"""A hand-made site as a WARC file: a dozen pages, each with one thing about it, and what must become of each."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

RIVER = """The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea.
Farmers along its banks have kept records of every flood since the year their bridge was rebuilt from stone.
Those notebooks show that high water used to come in March, when snow melted quickly under the first warm rain.
In recent decades the worst floods have arrived during summer storms, which are short but far more violent.
Engineers answered by lowering the meadows near the mill, so that water can spread there without touching houses.
The plan was not popular at first, because grazing land was lost and nobody trusted the drawings that were shown.
After two wet years, however, the cellars in the lower village stayed dry and most of the critics changed their minds."""

BREAD = """Good bread needs only flour, water, salt and time, yet each of these can spoil the loaf when it is treated carelessly.
Bakers who mill their own grain say that fresh flour drinks more water and ferments faster than flour from a sack.
A slow rise in a cool room gives acids the hours they need, and those acids keep the crumb moist for several days.
Salt should be added after the first rest, since it tightens the dough and makes early kneading harder than it must be.
The oven has to be hot enough to set the crust, but steam during the first ten minutes lets the loaf expand fully.
People often cut their bread too early, although the inside continues to cook while it cools on a wire rack.
With patience and a sharp knife you will have slices that hold together and toast evenly on both sides."""

CLOCKS = """Mechanical clocks were first built for towers, where their bells told monks and merchants how to divide the working day.
Early movements lost a quarter of an hour between sunrise and dusk, so keepers corrected them with the help of sundials.
The pendulum changed that within a single generation, because its swing depends on length and hardly on the force applied.
Makers in port towns then competed to keep time at sea, where a rolling deck ruins every instrument that hangs.
Springs of blued steel, compensated for heat, finally solved the problem and earned their inventor a famous prize.
What had filled a church loft now fitted into a coat pocket, and ordinary travellers began to speak of minutes.
Museums still run some of these pieces, and visitors are surprised by how loudly a large escapement can tick."""

GERMAN = """Der Fluss entspringt in einem flachen Tal nördlich des alten Steinbruchs und fließt an vier Dörfern vorbei zum Meer.
Die Bauern an seinen Ufern haben seit dem Bau der Brücke jedes Hochwasser sorgfältig in ihren Heften verzeichnet.
Früher kam das Wasser im März, wenn der Schnee unter dem ersten warmen Regen schnell geschmolzen ist.
In den letzten Jahrzehnten brachten kurze Gewitter im Sommer die schlimmsten Fluten, und niemand war darauf vorbereitet."""

CONTACT = "For questions write to Jane at jane.doe@bakery-school.org or call +1 650 253 0000 on weekdays."


def paragraphs(text: str) -> str:
    return "".join(f"<p>{line}</p>\n" for line in text.splitlines())


def page(text: str) -> bytes:
    head = "<head><meta charset=utf-8><title>A page</title></head>"
    return f"<!DOCTYPE html><html>{head}<body><main>{paragraphs(text)}</main></body></html>".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A record to write and the ledger row it must end in."""

    url: str
    body: bytes
    outcome: str
    stage: str
    reason: str | None = None
    status: str = "200 OK"
    content_type: str = "text/html; charset=utf-8"
    damaged: bool = False


CHANGED_RIVER = RIVER.replace("four villages", "five villages") + "\nVisitors are welcome to read the notebooks in the library."

PAGES = (
    Page(url="http://site.example/river", body=page(RIVER), outcome="merged", stage="dedup", reason="minhash"),
    Page(url="http://mirror.example/river", body=page(RIVER.replace("\n", "  \n")), outcome="merged", stage="dedup", reason="minhash"),
    Page(url="http://site.example/river-2", body=page(CHANGED_RIVER), outcome="kept", stage="dedup"),
    Page(url="http://site.example/bread", body=page(BREAD + "\n" + CONTACT), outcome="kept", stage="dedup"),
    Page(url="http://site.example/clocks", body=page(CLOCKS), outcome="kept", stage="dedup"),
    Page(url="http://site.example/fluss", body=page(GERMAN), outcome="dropped", stage="filters", reason="language.keep"),
    Page(
        url="http://site.example/short",
        body=page(
            "The library is open on Monday and Friday.\nYou can borrow ten books with your card, and keep them for a month.\n"
            "Please return all of them in time, or write to us.\nReaders who live far away have six weeks."
        ),
        outcome="dropped",
        stage="filters",
        reason="gopher_quality.min_words",
    ),
    Page(
        url="http://site.example/repeated",
        body=page(BREAD.splitlines()[0] + "\n" + (BREAD.splitlines()[1] + "\n") * 6),
        outcome="dropped",
        stage="filters",
        reason="gopher_repetition.max_dup_line_ratio",
    ),
    Page(
        url="http://site.example/lorem",
        body=page(CLOCKS.replace("coat pocket", "lorem ipsum pocket")),
        outcome="dropped",
        stage="filters",
        reason="c4.max_lorem_ipsum",
    ),
    Page(
        url="http://site.example/one-sentence",
        body=page(" and then ".join(line.rstrip(".").lower() for line in CLOCKS.splitlines()) + "."),
        outcome="dropped",
        stage="filters",
        reason="c4.min_sentences",
    ),
    Page(
        url="http://blocked.example/clocks",
        body=page(CLOCKS.replace("Museums", "Collections")),
        outcome="dropped",
        stage="filters",
        reason="url.block_domains",
    ),
    Page(
        url="http://site.example/gone",
        body=page("Not found"),
        status="404 Not Found",
        outcome="dropped",
        stage="read",
        reason="http_status",
    ),
    Page(
        url="http://site.example/picture",
        body=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0",
        outcome="dropped",
        stage="read",
        reason="not_html",
    ),
    Page(url="http://site.example/empty", body=page(""), outcome="dropped", stage="read", reason="no_main_content"),
    Page(url="http://site.example/damaged", body=page(BREAD), damaged=True, outcome="failed", stage="read", reason="gzip_damaged"),
)


def write_warc(path: Path, pages: tuple[Page, ...] = PAGES) -> None:
    """Write the pages as response records, one gzip member each."""
    with path.open("wb") as file:
        for page in pages:
            member = BytesIO()
            writer = WARCWriter(member, gzip=True)
            headers = StatusAndHeaders(page.status, [("Content-Type", page.content_type)], protocol="HTTP/1.1")
            record = writer.create_warc_record(page.url, "response", payload=BytesIO(page.body), http_headers=headers)
            writer.write_record(record)
            record.raw_stream.close()
            stored = bytearray(member.getvalue())
            if page.damaged:
                stored[len(stored) // 2] ^= 0xFF
            file.write(stored)
