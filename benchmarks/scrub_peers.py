"""Microsoft Presidio's pattern recognisers and scrubadub on texts from a JSONL file; runs in their own environment.

PYTHON scrub_peers.py spans TEXTS.jsonl OUT.jsonl      every text's spans: {"presidio": [[type, start, end]], "scrubadub": ...}
PYTHON scrub_peers.py time TEXTS.jsonl OUT.json        CPU seconds of each peer, after a warm-up
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

logging.disable(logging.CRITICAL)

import scrubadub  # noqa: E402
from presidio_analyzer import predefined_recognizers  # noqa: E402

DEFAULT = ("CreditCard", "UsBank", "UsLicense", "UsItin", "UsPassport", "UsSsn", "Nhs", "Crypto", "Date", "Email", "Iban", "Ip", "Url")
"""The pattern recognisers that are on by default for every language and for English."""
OTHERS = ("Mac", "MacAddress", "InPan", "InAadhaar", "UkNino", "AbaRouting", "DeTaxId", "ItFiscalCode", "KrRrn", "SgFin")
SHARED = ("CreditCard", "Email", "Iban", "Ip", "UsSsn", "Crypto", "UsPassport", "UsLicense", "Phone")


def recognizers(names: tuple[str, ...]) -> list[Any]:
    """Those that this version has, by the names of their classes."""
    classes = [getattr(predefined_recognizers, f"{name}Recognizer", None) for name in names]
    return [found() for found in classes if found is not None]


def presidio(names: tuple[str, ...]) -> Callable[[str], list[tuple[str, int, int]]]:
    """Spans of the recognisers, called without a language model."""
    chosen = recognizers(names)

    def spans(text: str) -> list[tuple[str, int, int]]:
        found = []
        for one in chosen:
            entities = one.supported_entities
            found += [(result.entity_type, result.start, result.end) for result in one.analyze(text, entities, None) or ()]
        return found

    return spans


def scrubber() -> Callable[[str], list[tuple[str, int, int]]]:
    """Spans of scrubadub's default detectors."""
    default = scrubadub.Scrubber()

    def spans(text: str) -> list[tuple[str, int, int]]:
        return [(filth.type, filth.beg, filth.end) for filth in default.iter_filth(text)]

    return spans


def cpu_seconds(work: Callable[[str], object], texts: list[str]) -> float:
    """CPU seconds for all texts after one warm-up text."""
    work(texts[0][:1000])
    begun = time.process_time()
    for text in texts:
        work(text)
    return time.process_time() - begun


def main(what: str, source: str, target: str) -> None:
    """See the module."""
    texts = [json.loads(line)["text"] for line in Path(source).read_text("utf-8").splitlines()]
    if what == "spans":
        peers = {"presidio": presidio((*DEFAULT, *OTHERS, "Phone")), "scrubadub": scrubber()}
        with Path(target).open("w") as file:
            for text in texts:
                print(json.dumps({name: spans(text) for name, spans in peers.items()}), file=file)
    else:
        peers = {"presidio": presidio(DEFAULT), "presidio, shared kinds": presidio(SHARED), "scrubadub": scrubber()}
        Path(target).write_text(json.dumps({name: cpu_seconds(work, texts) for name, work in peers.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
