#!/usr/bin/env bash
# resiliparse 2.0.1: main-content extraction decides by depth whether an unordered list is content. A <ul> with fewer than three elements
# between it and <body> is left out, whatever it holds, within <main><article>, too; with three it is kept. <ol> and <dl> are kept at any depth.
# Pages written by hand or by documentation tools, where <ul> is a child of <article>, lose all their lists.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "Resiliparse==2.0.1"
"$folder/venv/bin/python" - <<'PY'
from resiliparse.extract.html2text import extract_plain_text

PROSE = "<p>" + "The river rises in a shallow valley north of the old quarry and runs past four villages. " * 5 + "</p>"
ITEM = "The second ferry of the day waits for the train from the county town and leaves at noon. " * 4


def kept(kind: str, *around: str) -> bool:
    item = f"<dt>{ITEM}</dt><dd>{ITEM}</dd>" if kind == "dl" else f"<li>{ITEM}</li>" * 3
    opened, closed = ("".join(f"<{mark}{name}>" for name in names) for mark, names in (("", around), ("/", around[::-1])))
    page = f"<!doctype html><html><body>{opened}<h1>Rivers</h1>{PROSE}<{kind}>{item}</{kind}>{PROSE}{closed}</body></html>"
    return "ferry" in extract_plain_text(page, main_content=True)


for around in ((), ("main",), ("main", "article"), ("div", "main", "article"), ("div", "div", "section")):
    found = {kind: kept(kind, *around) for kind in ("ul", "ol", "dl")}
    print(f"body > {' > '.join(around) or '(nothing)'}: " + ", ".join(f"{kind} {'kept' if stays else 'left out'}" for kind, stays in found.items()))
    assert found == {"ul": len(around) >= 3, "ol": True, "dl": True}, "the behaviour has changed"
PY
