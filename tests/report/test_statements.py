"""Each sentence about a run stands where its condition holds, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.report import statements
from pipelines.report.facts import Facts
from pipelines.report.page import write_report
from schemas.certificate import Certificate, RemovedDocument, Request, certificate_path, pending_path, write_certificate
from tests.report.fixture import make_run, metrics

RAW = "The folder crawl/ contains the pages as they were fetched"


def change(folder: Path, **sections: dict[str, Any]) -> Facts:
    """The run with other settings in its recipe, as if it had been made with them."""
    state = json.loads((folder / "run.json").read_text())
    for section, settings in sections.items():
        state["recipe"][section] |= settings
    (folder / "run.json").write_text(json.dumps(state))
    return Facts(folder)


def change_details(folder: Path, stage: str, **details: Any) -> Facts:
    """The run with other details of one of its stages."""
    state = json.loads((folder / "run.json").read_text())
    (record,) = (record for record in state["stages"] if record["stage"] == stage)
    record["details"] |= details
    (folder / "run.json").write_text(json.dumps(state))
    return Facts(folder)


def certificate(number: int = 1) -> Certificate:
    request = Request(urls=(), hosts=("example.org",), email_hashes=(), phone_hashes=(), doc_ids=(), reason="said so")
    removed = tuple(RemovedDocument(doc_id=f"{i:032x}", reason="host", was="kept" if i else "merged") for i in range(3))
    return Certificate(
        number=number,
        time="2026-11-28T10:00:00+00:00",
        request=request,
        n_records=3,
        n_tokens=1234,
        documents=removed,
        survivors_left=("00",),
        files=(),
        not_touched={"sources": "not this run's", "tokenizer/": "counts", "validation/": "trained on them"},
        counts={"was": {"kept": 2, "merged": 1}, "reason": {"host": 3}} if number == 1 else {},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


@pytest.mark.parametrize("kinds", [["email", "phone", "iban"], []])
def test_raw_pages_are_named_where_there_are_any_and_only_there(folder: Path, kinds: list[str]) -> None:
    facts = change(folder, scrub={"kinds": kinds})
    assert RAW not in " ".join(statements.privacy(facts))
    (folder / "crawl" / "web").mkdir(parents=True)
    assert RAW in " ".join(statements.privacy(facts))
    for path in write_report(folder):
        text = path.read_text()
        assert RAW in text
        assert "nowhere" not in text


def test_hashes_in_the_index_are_named_unless_the_recipe_keeps_none(folder: Path) -> None:
    hashes = "contains hashes of e-mail addresses"
    assert hashes not in " ".join(statements.privacy(Facts(folder))), "there is no index"
    (folder / "index").mkdir()
    assert hashes in " ".join(statements.privacy(Facts(folder)))
    assert hashes not in " ".join(statements.privacy(change(folder, opt_out={"index_values": False})))


def test_kinds_that_were_looked_for_found_and_left_out_are_told_apart(folder: Path) -> None:
    facts = change(
        folder, scrub={"kinds": ["email", "phone", "iban", "postal_address"], "modes": {"phone": "drop_line", "iban": "pseudonym"}}
    )
    text = " ".join(statements.privacy(facts))
    done = "replaced by placeholders such as <EMAIL>, or replaced by keyed pseudonyms (iban), or cut out with their lines (phone)"
    assert f"{done}: email (168 in" in text
    assert "Looked for and not found in the kept documents: iban." in text
    assert "Not looked for: secret, private_key, " in text
    assert "but not names and values in unusual notation" in text
    assert "postal addresses" in " ".join(statements.privacy(change(folder, scrub={"kinds": ["email"], "modes": {}})))
    (nothing,) = statements.privacy(change(folder, scrub={"kinds": []}))
    assert nothing.startswith("No private values were looked for (scrub.kinds is empty)")


def test_offices_are_named_where_their_addresses_stay(folder: Path) -> None:
    assert "offices" not in " ".join(statements.privacy(Facts(folder)))
    assert "offices" in " ".join(statements.privacy(change(folder, scrub={"keep_role_addresses": True})))


def test_takedowns_are_named_with_what_they_removed(folder: Path) -> None:
    assert statements.on_request(Facts(folder)) == []
    write_certificate(certificate_path(folder, 1), certificate())
    write_certificate(pending_path(folder), certificate(2))
    said = statements.on_request(Facts(folder))
    assert said[0] == (
        "Takedown 0001 on 2026-11-28 removed 3 documents (before: kept 2, merged 1; found by: host 3) and 1,234 tokens "
        "from the finished run. Its certificate is takedown/0001.json."
    )
    assert said[1] == "1 document with nearly the same text stayed; the certificate lists them."
    assert said[2] == "It did not change tokenizer/ and validation/, which were made with the documents."
    assert said[3].startswith("Takedown 0002 "), "the one that has the report written"
    assert "(before: kept 2, merged 1; found by: host 3)" in said[3], "also of a certificate without counts"
    for path in write_report(folder):
        assert "certificate is takedown/0001.json" in path.read_text()


def test_which_copy_stays_follows_the_recipe(folder: Path) -> None:
    assert (
        statements.duplicates(Facts(folder))[0]
        == "Of several copies, one is kept: the longest. Documents merged by kind: url 0, exact 14, minhash 16."
    )
    text = " ".join(statements.duplicates(change(folder, dedup={"priority": ["web"], "protected": ["代码"], "index": "i"})))
    assert "the one from the first of the sources web, then the longest" in text
    assert "Documents of 代码 are never merged or cut." in text
    assert "Copies stay in the corpus" not in text
    assert "earlier runs" in text
    assert "Kind lines cut 175,000 characters (74.1 %) from source web." in text
    weighed = statements.duplicates(change(folder, dedup={"protected": [], "copies": "weigh"}))
    assert "Copies stay in the corpus" in " ".join(weighed)
    assert statements.duplicates(change(folder, dedup={"kinds": []})) == ["The recipe does not look for duplicates."]


def test_evaluation_items_are_named_where_they_were_looked_for(folder: Path) -> None:
    assert statements.contamination(Facts(folder)) == []
    sets = {"evals": {"items": 4, "found": 2, "documents_by_item": {}}}
    (said,) = statements.contamination(change_details(folder, "curate", contamination=sets))
    assert said == "2 of 4 items of 1 evaluation set were found and dropped with the documents that contain them."
    (said,) = statements.contamination(change(folder, decontaminate={"outcome": "cut"}))
    assert said.endswith("cut from the documents.")


def test_a_run_without_rules_says_so(folder: Path) -> None:
    facts = change(folder, filters={"rules": []})
    assert "A document is removed by the first rule" in statements.filtering(facts)[0], "a source has rules of its own"
    state = json.loads((folder / "run.json").read_text())
    for source in state["recipe"]["sources"].values():
        source["rules"] = []
    (folder / "run.json").write_text(json.dumps(state))
    assert statements.filtering(Facts(folder)) == ["The recipe sets no rules."]
    assert "| Rule |" not in write_report(folder)[1].read_text()


def test_records_that_are_passed_over_and_bytes_that_are_lost_are_counted(folder: Path) -> None:
    assert statements.reading(Facts(folder)) == []
    facts = change_details(folder, "ingest", passed_over_records={"request": 14}, lost_bytes={"web": 99})
    assert statements.reading(facts) == [
        "WARC records that are not pages are not counted: request 14.",
        "99 bytes of source web could not be read; the number of records in them is unknown.",
    ]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "400 tokens, trained on a sample of 250 documents of this corpus"),
        ({"path": "/x/gpt2.json"}, "400 tokens, copied from gpt2.json"),
        ({"extend": "/x/gpt2.json"}, "400 tokens, gpt2.json extended on a sample of 250 documents of this corpus"),
    ],
)
def test_the_tokenizer_is_trained_extended_or_taken(folder: Path, config: dict[str, str], said: str) -> None:
    assert statements.tokenizer(change(folder, tokenizer=config)) == said
    assert said in write_report(folder)[1].read_text()


def test_the_model_passed_or_failed_or_was_not_trained(folder: Path, tmp_path: Path) -> None:
    def said(**changes: Any) -> str:
        (folder / "validation" / "metrics.json").write_text(json.dumps(metrics() | changes))
        return " ".join(statements.model(Facts(folder)))

    assert "0.759 bits per byte on the validation split" in said()
    assert said().endswith("It passed: it learned from these shards.")
    assert said(passed=False, reasons=["it is too short"]).endswith("It did not pass: it is too short.")
    assert "on the end of the training split, which was held out" in said(valid="train tail")
    assert "2.104 nats per token on the validation split" in said(bits_per_byte=None)
    assert "The shards contained 260 documents when it was trained; they contain 250 now." in said(checks={"n_documents": 260})
    assert "when it was trained" not in said(checks={"n_documents": 250})
    assert statements.model(Facts(make_run(tmp_path / "skipped", pretrain=False))) == ["No model was trained on the shards."]
    assert statements.model(Facts(make_run(tmp_path / "stopped", until="validate"))) == []


def test_the_card_of_a_run_that_has_no_shards_or_documents_shows_no_code_for_them(tmp_path: Path) -> None:
    card = write_report(make_run(tmp_path / "encode", until="encode"))[1].read_text()
    assert "documents/*.arrow" in card
    assert "shards/train" not in card
    card = write_report(make_run(tmp_path / "ingest", until="ingest"))[1].read_text()
    assert "```python" not in card
    assert "size_categories" not in card
    assert "exactly once" not in card
