"""Facts -> the sentences that the page and the card share, each only where it holds of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.report.facts import Facts
from pipelines.report.formats import count, number_of, ratio, share
from schemas.certificate import FOLDER, Certificate
from schemas.recipe import PII_KINDS
from schemas.stages import StageName

BEYOND_PATTERNS: Final = {"names": None, "postal addresses": "postal_address"}
"""Personal data that no pattern tells, and the kind that finds some of it."""
DONE_BY_MODE: Final = {
    "pseudonym": "replaced by keyed pseudonyms",
    "drop_line": "cut out with their lines",
    "drop_document": "dropped with their documents",
}


def on_request(facts: Facts) -> list[str]:
    """What was left out or taken down because somebody asked for it."""
    said = []
    if n := facts.n_records(step="opt_out"):
        said.append(f"Opt-out lists left out {number_of(n, 'record')} before anything of them was written.")
    for certificate in facts.certificates:
        said += _takedown(certificate)
    return said


def _takedown(certificate: Certificate) -> Iterator[str]:
    was = certificate.counts.get("was") or Counter(one.was for one in certificate.documents)
    why = certificate.counts.get("reason") or Counter(one.reason for one in certificate.documents)
    before, by = (", ".join(f"{name} {count(n)}" for name, n in sorted(counts.items())) for counts in (was, why))
    name = f"{certificate.number:04d}"
    yield (
        f"Takedown {name} of {certificate.time[:10]} removed {number_of(len(certificate.documents), 'document')} (until then {before}; "
        f"found by {by}) and {number_of(certificate.n_tokens, 'token')} of shards from the finished run; "
        f"{FOLDER}/{name}.json is its certificate."
    )
    if left := certificate.survivors_left:
        yield f"{number_of(len(left), 'document')} with nearly the same text stayed; the certificate names them."
    if places := [place for place in certificate.not_touched if place.endswith("/") and place != "crawl/"]:
        yield f"It left {' and '.join(places)} as they were made with the documents."


def reading(facts: Facts) -> list[str]:
    """What was read beside the records that the ledger lists."""
    found = facts.details(StageName.INGEST)
    said = []
    if facts.done(StageName.INGEST) and not facts.n_records(step="read"):
        said.append("Every record yielded a document." if facts.n_records() else "No record was read.")
    if passed := found.get("passed_over_records"):
        kinds = ", ".join(f"{kind} {count(n)}" for kind, n in passed.items())
        said.append(f"Records of archives that hold no page are not counted: {kinds}.")
    for source, n in (found.get("lost_bytes") or {}).items():
        said.append(f"Of {source} {number_of(n, 'byte')} could not be read; how many records they held is not known.")
    return said


def filtering(facts: Facts) -> list[str]:
    """How rules and caps end documents."""
    if not facts.rules:
        said = ["The recipe sets no rules."]
    else:
        own = "Limits are those of the recipe; where a language has its own, it is named."
        said = [f"A document is removed by the first rule that it fails. {own}"]
    if n := facts.n_records(step="caps"):
        said.append(f"Caps on domains and hosts dropped {number_of(n, 'document')} more.")
    return said


def duplicates(facts: Facts) -> list[str]:
    """What was merged and cut, and which copy stays."""
    dedup = facts.recipe.dedup
    if not dedup.kinds:
        return ["No duplicates were looked for."]
    if not facts.refined:
        return ["Not known yet."]
    ended = ", ".join(f"{kind} {count(n)}" for kind, n in facts.merges)
    stays = (
        f"the one of the first source of {', '.join(dedup.priority)} stays, of those the longest" if dedup.priority else "the longest stays"
    )
    said = [f"Of copies {stays}. Documents that ended for their copies: {ended}."]
    if dedup.protected:
        said.append(f"Documents of {', '.join(dedup.protected)} are never merged or cut.")
    if dedup.copies == "weigh":
        said.append("Copies stay in the corpus; cluster_size says how many there are of each document.")
    if "minhash" in dedup.kinds:
        said.append(_near_duplicates(facts))
    if dedup.index:
        said.append("Documents were compared with those of earlier runs, too.")
    said += [
        f"The kind {cut.kind} cut {number_of(cut.n_cut, 'character')} ({share(cut.share)}) of {cut.source}." for cut in facts.cut_shares
    ]
    return said


def _near_duplicates(facts: Facts) -> str:
    minhash = facts.recipe.dedup.minhash
    units = "words, or characters where words are written without spaces"
    shingles = f"{minhash.bands} bands of {minhash.rows} rows over shingles of {minhash.shingle} {units}"
    measure = "Jaccard similarity" if minhash.min_containment is None else "containment"
    if minhash.clusters == "components":
        verified = f"pairs whose true {measure} is at least {minhash.limit} are joined, and of each chain of pairs one document stays"
    else:
        verified = f"merged only if the true {measure} to the document that stays is at least {minhash.limit}"
    return f"Near-duplicates are proposed by MinHash ({shingles}); {verified}."


def contamination(facts: Facts) -> list[str]:
    """What was done against evaluation items."""
    sets = facts.details(StageName.CURATE).get("contamination") or {}
    if not sets:
        return []
    n_items, n_found = (sum(one[name] for one in sets.values()) for name in ("items", "found"))
    done = "cut out of the documents" if facts.recipe.decontaminate.outcome == "cut" else "dropped with the documents that hold them"
    return [f"Of {number_of(n_items, 'item')} of {number_of(len(sets), 'evaluation set')} {count(n_found)} were found, and {done}."]


def privacy(facts: Facts) -> list[str]:
    """What was done about private values, and where they may still be."""
    scrub = facts.recipe.scrub
    if not scrub.kinds:
        return [
            "No private values were looked for (scrub.kinds is empty): the text holds whatever personal data its sources hold.",
            *_raw(facts),
        ]
    if not facts.refined:
        return ["Not known yet."]
    found = ", ".join(f"{kind} ({count(n)} in {number_of(n_documents, 'document')})" for kind, n, n_documents in facts.redacted if n)
    said = [f"Private values found and {_done(facts)}: {found or 'none'}."]
    if nothing := [kind for kind, n, _ in facts.redacted if not n]:
        said.append(f"Looked for and not found in what is kept: {', '.join(nothing)}.")
    if unasked := [kind for kind in PII_KINDS if kind not in scrub.kinds]:
        said.append(f"Not looked for: {', '.join(unasked)}.")
    if scrub.keep_role_addresses:
        said.append("E-mail addresses of offices, such as info@ and support@, are left in the text.")
    unseen = [name for name, kind in BEYOND_PATTERNS.items() if kind not in scrub.kinds]
    said.append(
        f"Patterns and check digits find such values; {', '.join(unseen)} and values in unusual notation are not found, "
        "so the text may still hold personal data."
    )
    return [*said, *_raw(facts), *_where(facts)]


def _done(facts: Facts) -> str:
    """What became of found values, by mode."""
    scrub = facts.recipe.scrub
    plain = [kind for kind in scrub.kinds if scrub.mode(kind) == "placeholder"]
    done = [f"replaced by placeholders such as <{('email' if 'email' in plain else plain[0]).upper()}>"] if plain else []
    for mode, what in DONE_BY_MODE.items():
        if kinds := [kind for kind in scrub.kinds if scrub.mode(kind) == mode]:
            done.append(f"{what} ({', '.join(kinds)})")
    return ", or ".join(done)


def _raw(facts: Facts) -> list[str]:
    if not (facts.folder / "crawl").is_dir():
        return []
    but = "; of documents that were taken down the records are blank" if facts.certificates else ""
    return [
        f"The folder crawl/ holds the pages as they were fetched, with all private values in them{but}: do not pass it on with the corpus."
    ]


def _where(facts: Facts) -> Iterator[str]:
    yield "The URLs and the names of input files in documents/, index/ and ledger/ are as they were found, private values included."
    if facts.recipe.opt_out.index_values and (facts.folder / "index").is_dir():
        yield (
            "The folder index/ holds hashes of e-mail addresses and telephone numbers: whoever has it can test whether "
            "an address that he knows was in a document."
        )


def tokenizer(facts: Facts) -> str:
    """Where the tokenizer comes from."""
    config, found = facts.recipe.tokenizer, facts.details(StageName.TOKENIZER)
    n = f"{count(found.get('vocab_size'))} tokens"
    if config.path:
        return f"{n}, taken from {Path(config.path).name} as it was"
    origin = f"{Path(config.extend).name} extended" if config.extend else "trained"
    return f"{n}, {origin} on a sample of {number_of(found.get('sample_documents') or 0, 'document')} of this corpus"


def model(facts: Facts) -> list[str]:
    """What the small model showed."""
    metrics = facts.metrics
    if not metrics:
        return ["No model was trained on the shards."] if facts.done(StageName.VALIDATE) else []
    held_out = "the validation split" if metrics.get("valid") == "held out" else "the end of the training split, which was held out"
    if metrics.get("bits_per_byte") is None:
        ended = (
            f"{ratio(metrics.get('loss'))} nats per token on {held_out}; token frequencies alone give {ratio(metrics.get('unigram_loss'))}"
        )
    else:
        unigram = ratio(metrics.get("unigram_bits_per_byte"))
        ended = f"{ratio(metrics['bits_per_byte'])} bits per byte on {held_out}; token frequencies alone give {unigram}"
    said = [f"A decoder of {count(metrics.get('n_parameters'))} parameters, trained on the shards, ended at {ended}."]
    if metrics.get("passed"):
        said.append("It passed: it learned from these shards.")
    else:
        said.append(f"It did not pass: {'; '.join(metrics.get('reasons') or ['no reason is stated'])}.")
    n_then, n_now = (metrics.get("checks") or {}).get("n_documents"), sum(shard["n_documents"] for shard in facts.index["shards"])
    if n_then is not None and n_then != n_now:
        said.append(f"It was trained when the shards held {number_of(n_then, 'document')}; now they hold {count(n_now)}.")
    return said
