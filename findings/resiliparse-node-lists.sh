#!/usr/bin/env bash
# resiliparse 2.0.1: what query_selector_all and get_elements_by_tag_name return looks like a list, but runs its query again for every
# item, so that going through n elements takes time that grows with the square of n or faster: doubling a page of a few hundred links takes more
# than three times as long, where traverse_dom takes about twice as long. The query itself takes microseconds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "Resiliparse==2.0.1"
"$folder/venv/bin/python" - <<'PY'
import time

from resiliparse.parse.html import HTMLTree, traverse_dom


def seconds(n_links: int, walk) -> float:
    document = HTMLTree.parse("<body>" + "<p>x<a href=x>abc</a> y</p>" * n_links).document
    times = []
    for _ in range(3):
        start = time.process_time()
        walk(document)
        times.append(time.process_time() - start)
    return min(times)


for name, walk, grows in (
    ("list(query_selector_all)", lambda document: list(document.query_selector_all("a")), True),
    ("list(get_elements_by_tag_name)", lambda document: list(document.get_elements_by_tag_name("a")), True),
    ("traverse_dom", lambda document: traverse_dom(document, lambda context: None), False),
):
    small, large = seconds(150, walk), seconds(300, walk)
    print(f"{name}: 150 links {small * 1000:.1f} ms, 300 links {large * 1000:.1f} ms, {large / small:.1f} times")
    assert (large > 3 * small) == grows, "the behaviour has changed"
PY
