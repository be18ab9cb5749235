#!/usr/bin/env bash
# resiliparse 2.0.1, extract_plain_text(main_content=True): a text node of exactly three UTF-8 bytes whose last byte is not ASCII is
# left out, white space around it aside. So one CJK character, "né", "1°", a dash, or a comma and a no-break space go from the middle
# of a sentence and the words around them are glued. The same words of one, two, four or more bytes stay, and so does everything with
# main_content=False.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "Resiliparse==2.0.1"
"$folder/venv/bin/python" - <<'PY'
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

REST = "The old man sat by the river and watched the water. " * 20


def text(middle: str, main_content: bool) -> str:
    page = f"<html><body><article><p>aa<b>{middle}</b>zz</p><p>{REST}</p></article></body></html>"
    return extract_plain_text(HTMLTree.parse(page), main_content=main_content).split("\n")[0]


for middle, stays in {
    "行": False, "né": False, "1°": False, "—": False, "€": False, "\uac00": False,
    "a": True, "é": True, "ab": True, "abc": True, "éa": True, "éé": True, "行行": True, "\U00020000": True,
}.items():
    found = text(middle, main_content=True), text(middle, main_content=False)
    print(f"{middle!r:8} {len(middle.encode())} bytes: main content {found[0]!r}, whole page {found[1]!r}")
    assert found == (f"aa{middle}zz" if stays else "aazz", f"aa{middle}zz"), "the behaviour has changed"
PY
