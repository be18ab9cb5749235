"""Facts -> the sentences that the page and the card share; each appears only if it is true of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.report.facts import Facts
from pipelines.report.formats import number_of, ratio, share, with_commas
from schemas import layout
from schemas.certificate import FOLDER, Certificate
from schemas.recipe import PII_KINDS
from schemas.stages import StageName

BEYOND_PATTERNS: Final = {"names": None, "postal addresses": "postal_address"}
"""Personal data that patterns do not find, and the private kind that finds some of it, if any."""
DONE_BY_MODE: Final = {
    "pseudonym": "replaced by keyed pseudonyms",
    "drop_line": "cut out with their lines",
    "drop_document": "dropped with their documents",
}


def on_request(facts: Facts) -> list[str]:
    """Records that were left out or taken down because somebody asked for it."""
    said = []
    if n := facts.ledger.n_records(step="opt_out"):
        said.append(f"Opt-out lists left out {number_of(n, 'record')} before any of their text was written.")
    for certificate in facts.certificates:
        said += _takedown(certificate)
    return said


def _takedown(certificate: Certificate) -> Iterator[str]:
    was = certificate.counts.get("was") or Counter(one.was for one in certificate.documents)
    why = certificate.counts.get("reason") or Counter(one.reason for one in certificate.documents)
    before, by = (", ".join(f"{name} {with_commas(n)}" for name, n in sorted(counts.items())) for counts in (was, why))
    name = f"{certificate.number:04d}"
    yield (
        f"Takedown {name} on {certificate.time[:10]} removed {number_of(len(certificate.documents), 'document')} (before: {before}; "
        f"found by: {by}) and {number_of(certificate.n_tokens, 'token')} from the finished run. "
        f"Its certificate is {FOLDER}/{name}.json."
    )
    if left := certificate.survivors_left:
        yield f"{number_of(len(left), 'document')} with nearly the same text stayed; the certificate lists them."
    made = [place for place in certificate.not_touched if place.endswith("/") and place != f"{layout.CRAWL}/"]
    if made:
        yield f"It did not change {' and '.join(made)}, which were made with the documents."


def reading(facts: Facts) -> list[str]:
    """What the reader found that the ledger does not list."""
    said = []
    if facts.done(StageName.INGEST) and not facts.ledger.n_records(step="read"):
        said.append("Every record yielded a document." if facts.ledger.n_records() else "No record was read.")
    if passed := facts.ingest.passed_over_records:
        kinds = ", ".join(f"{kind} {with_commas(n)}" for kind, n in passed.items())
        said.append(f"WARC records that are not pages are not counted: {kinds}.")
    for source, n in facts.ingest.lost_bytes.items():
        said.append(f"{number_of(n, 'byte')} of source {source} could not be read; the number of records in them is unknown.")
    return said


def filtering(facts: Facts) -> list[str]:
    """How rules and caps removed documents."""
    if not facts.rules:
        said = ["The recipe sets no rules."]
    else:
        own = "Limits are those of the recipe; languages with their own limits are named."
        said = [f"A document is removed by the first rule that it fails. {own}"]
    if n := facts.ledger.n_records(step="caps"):
        said.append(f"Caps on domains and hosts then dropped {number_of(n, 'document')}.")
    return said


def duplicates(facts: Facts) -> list[str]:
    """Which documents were merged and cut, and which copy was kept."""
    dedup = facts.recipe.dedup
    if not dedup.kinds:
        return ["The recipe does not look for duplicates."]
    if not facts.ledger.is_complete:
        return ["Not known yet."]
    merged = ", ".join(f"{kind} {with_commas(n)}" for kind, n in facts.ledger.merges)
    order = f"the one from the first of the sources {', '.join(dedup.priority)}, then the longest" if dedup.priority else "the longest"
    said = [f"Of several copies, one is kept: {order}. Documents merged by kind: {merged}."]
    if dedup.protected:
        said.append(f"Documents of {', '.join(dedup.protected)} are never merged or cut.")
    if dedup.copies == "weigh":
        said.append("Copies stay in the corpus; the column cluster_size counts the copies of each document.")
    if "minhash" in dedup.kinds:
        said.append(_near_duplicates(facts))
    if dedup.index:
        said.append("Documents were also compared with those of earlier runs.")
    said += [
        f"Kind {cut.kind} cut {number_of(cut.n_cut, 'character')} ({share(cut.share)}) from source {cut.source}."
        for cut in facts.documents.cut_shares
    ]
    return said


def _near_duplicates(facts: Facts) -> str:
    minhash = facts.recipe.dedup.minhash
    units = "words, or of characters where words are written without spaces"
    shingles = f"{minhash.bands} bands of {minhash.rows} rows over shingles of {minhash.shingle} {units}"
    measure = "Jaccard similarity" if minhash.min_containment is None else "containment"
    if minhash.clusters == "components":
        verified = f"Pairs with a true {measure} of at least {minhash.limit} are joined; one document of each chain of pairs is kept."
    else:
        verified = f"A document is merged only if its true {measure} to the survivor is at least {minhash.limit}."
    return f"MinHash proposes near-duplicates ({shingles}). {verified}"


def contamination(facts: Facts) -> list[str]:
    """Items of evaluation sets that were found, and what was done about them."""
    sets = facts.curate.contamination
    if not sets:
        return []
    n_items, n_found = sum(one.items for one in sets.values()), sum(one.found for one in sets.values())
    done = "cut from the documents" if facts.recipe.decontaminate.outcome == "cut" else "dropped with the documents that contain them"
    items = f"{number_of(n_items, 'item')} of {number_of(len(sets), 'evaluation set')}"
    return [f"{with_commas(n_found)} of {items} were found and {done}."]


def privacy(facts: Facts) -> list[str]:
    """What was done about private values, and where some may remain."""
    scrub = facts.recipe.scrub
    if not scrub.kinds:
        return [
            "No private values were looked for (scrub.kinds is empty): the text contains all personal data of its sources.",
            *_raw(facts),
        ]
    if not facts.ledger.is_complete:
        return ["Not known yet."]
    found = ", ".join(
        f"{kind} ({with_commas(n)} in {number_of(n_documents, 'document')})" for kind, n, n_documents in facts.documents.redacted if n
    )
    said = [f"Private values found and {_done(facts)}: {found or 'none'}."]
    if nothing := [kind for kind, n, _ in facts.documents.redacted if not n]:
        said.append(f"Looked for and not found in the kept documents: {', '.join(nothing)}.")
    if unasked := [kind for kind in PII_KINDS if kind not in scrub.kinds]:
        said.append(f"Not looked for: {', '.join(unasked)}.")
    if scrub.keep_role_addresses:
        said.append("E-mail addresses of offices, such as info@ and support@, stay in the text.")
    unseen = [name for name, kind in BEYOND_PATTERNS.items() if kind not in scrub.kinds]
    said.append(
        f"Patterns and check digits find such values, but not {', '.join(unseen)} and values in unusual notation: "
        "the text may still contain personal data."
    )
    return [*said, *_raw(facts), *_unscrubbed(facts)]


def _done(facts: Facts) -> str:
    """What was done about the values found, by mode."""
    scrub = facts.recipe.scrub
    plain = [kind for kind in scrub.kinds if scrub.mode(kind) == "placeholder"]
    done = [f"replaced by placeholders such as <{('email' if 'email' in plain else plain[0]).upper()}>"] if plain else []
    for mode, what in DONE_BY_MODE.items():
        if kinds := [kind for kind in scrub.kinds if scrub.mode(kind) == mode]:
            done.append(f"{what} ({', '.join(kinds)})")
    return ", or ".join(done)


def _raw(facts: Facts) -> list[str]:
    """A warning about raw pages, if the run has any."""
    if not (facts.folder / layout.CRAWL).is_dir():
        return []
    but = " Records of documents that were taken down are blank." if facts.certificates else ""
    return [
        f"The folder {layout.CRAWL}/ contains the pages as they were fetched, with all their private values: "
        f"do not distribute it with the corpus.{but}"
    ]


def _unscrubbed(facts: Facts) -> Iterator[str]:
    """Files of the run, other than raw pages, that may contain private values."""
    yield (
        f"URLs and names of input files in {layout.DOCUMENTS}/, {layout.INDEX}/ and {layout.LEDGER}/ are not scrubbed "
        "and may contain private values."
    )
    if facts.recipe.opt_out.index_values and (facts.folder / layout.INDEX).is_dir():
        yield (
            f"The folder {layout.INDEX}/ contains hashes of e-mail addresses and telephone numbers: anyone who has it can test "
            "whether a known address or number was in a document."
        )


def tokenizer(facts: Facts) -> str:
    """Where the tokenizer comes from."""
    config = facts.recipe.tokenizer
    n = f"{with_commas(facts.tokenizer.vocab_size)} tokens"
    if config.path:
        return f"{n}, copied from {Path(config.path).name}"
    origin = f"{Path(config.extend).name} extended" if config.extend else "trained"
    return f"{n}, {origin} on a sample of {number_of(facts.tokenizer.sample_documents, 'document')} of this corpus"


def model(facts: Facts) -> list[str]:
    """The result of training the small model."""
    metrics = facts.metrics
    if not metrics:
        return ["No model was trained on the shards."] if facts.done(StageName.VALIDATE) else []
    held_out = "the validation split" if metrics.valid == "held out" else "the end of the training split, which was held out"
    if metrics.bits_per_byte is None:
        loss, unigram = f"{ratio(metrics.loss)} nats per token", ratio(metrics.unigram_loss)
    else:
        loss, unigram = f"{ratio(metrics.bits_per_byte)} bits per byte", ratio(metrics.unigram_bits_per_byte)
    said = [
        f"A decoder of {with_commas(metrics.n_parameters)} parameters, trained on the shards, reached {loss} on {held_out}; "
        f"token frequencies alone give {unigram}."
    ]
    if metrics.passed:
        said.append("It passed: it learned from these shards.")
    else:
        said.append(f"It did not pass: {'; '.join(metrics.reasons) or 'no reason is stated'}.")
    n_then, n_now = metrics.checks.n_documents, facts.shards.n_documents
    if n_then is not None and n_then != n_now:
        said.append(f"The shards contained {number_of(n_then, 'document')} when it was trained; they contain {with_commas(n_now)} now.")
    return said
