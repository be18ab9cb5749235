"""File names as text."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.file_names import path_of, printable, well_formed


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("d/a b.txt", "d/a b.txt"),
        ("caf\udce9", r"caf\xe9"),
        ("café", "café"),
        ("a\nb\t", r"a\nb\t"),
        ("a\\xe9", r"a\\xe9"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202egpj.txt", r"\u202egpj.txt"),
        ("\x85", r"\u0085"),
        ("end ", r"end\x20"),
        ("d / a/ b c", r"d\x20/\x20a/\x20b c"),
    ],
)
def test_what_cannot_be_seen_is_written_as_an_escape(path: str, name: str) -> None:
    assert printable(path) == name
    assert path_of(name) == path


@given(st.binary(max_size=40))
def test_every_name_is_text_and_can_be_had_back(name: bytes) -> None:
    path = os.fsdecode(name)
    assert printable(path).isprintable()
    assert os.fsencode(path_of(printable(path))) == name
    printable(path).encode()


def test_bash_reads_the_same(tmp_path: object) -> None:
    name = "caf\udce9 \n\u200b\x7f\\ "
    command = f"printf %s $'{printable(name)}'"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout == os.fsencode(name)


def test_a_setting_keeps_its_own_escapes() -> None:
    assert well_formed(r"a\d+") == r"a\d+"
    assert well_formed("caf\udce9\n") == "caf\\xe9\n"
