"""Pseudonyms, dropped lines, dropped documents, and hosts full of private values."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.scrub.density import judge_density, values_by_host
from pipelines.scrub.pseudonyms import pseudonym, pseudonym_key
from pipelines.scrub.scrub import scrub_batch, scrub_digest, special_tokens
from schemas.errors import RecipeError
from schemas.recipe import Scrub
from tests.scrub.pii import scrubbed, texts

KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def config(tmp_path: Path) -> Scrub:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    kinds = ("email", "phone", "ipv4", "ipv6", "mac", "iban")
    return Scrub(kinds=kinds, modes=dict.fromkeys(kinds, "pseudonym"), pseudonym_key_file=str(path))


def test_one_value_has_one_stand_in_however_it_is_written(config: Scrub) -> None:
    first, second, other = scrubbed("jane@bakery.org Jane@Bakery.org joe@bakery.org", config=config).split()
    assert first == second != other
    one, two = scrubbed("GB82 WEST 1234 5698 7654 32 / GB82WEST12345698765432", config=config).split(" / ")
    assert one == two
    assert one.startswith("<IBAN_")


def test_stand_ins_keep_the_format_and_stay_in_reserved_ranges(config: Scrub) -> None:
    after = scrubbed(
        "jane@bakery.org; 93.184.216.34; 2a00:1450:4001:81b::200e; 3c:22:fb:1a:07:9e; call +44 20 7946 0018; (650) 253-0000", config=config
    )
    email, ipv4, ipv6, mac, abroad, phone = after.split("; ")
    assert email.startswith("user-")
    assert email.endswith("@example.com")
    assert ipv4.rpartition(".")[0] in ("192.0.2", "198.51.100", "203.0.113")
    assert ipv6.startswith("2001:db8:")
    assert mac.startswith("00:00:5e:00:53:")
    assert abroad.startswith("call +1 ")
    assert "-555-01" in abroad
    assert "-555-01" in phone
    assert scrubbed(after, config=config) == after


def test_another_key_gives_other_stand_ins() -> None:
    assert pseudonym("email", b"jane@bakery.org", KEY) != pseudonym("email", b"jane@bakery.org", KEY[::-1])


def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = Scrub(modes={"email": "pseudonym"})
    monkeypatch.delenv("CORPUSMILL_SCRUB_KEY", raising=False)
    with pytest.raises(RecipeError, match="CORPUSMILL_SCRUB_KEY has 0 bytes"):
        pseudonym_key(config)
    with pytest.raises(RecipeError, match="cannot be read"):
        pseudonym_key(Scrub(modes={"email": "pseudonym"}, pseudonym_key_file=str(tmp_path / "none")))
    monkeypatch.setenv("CORPUSMILL_SCRUB_KEY", KEY.decode())
    assert pseudonym_key(config) == KEY
    assert pseudonym_key(Scrub()) == b""


def test_the_digest_tells_modes_apart_and_not_where_the_key_lies() -> None:
    plain = scrub_digest(Scrub(modes={"email": "pseudonym"}))
    assert plain != scrub_digest(Scrub())
    assert plain == scrub_digest(Scrub(modes={"email": "pseudonym"}, pseudonym_key_file="elsewhere"))


def test_a_line_goes_with_the_values_that_it_holds() -> None:
    config = Scrub(modes={"email": "drop_line"})
    raw = "first\nwrite to jane@bakery.org or joe@bakery.org, +1 650 253 0000\nlast 93.184.216.34\n"
    done = scrub_batch(pa.RecordBatch.from_pydict({"raw_text": texts([raw, "only jane@bakery.org", "x"])}), config)
    assert done.column("text").to_pylist() == ["first\nlast <IPV4>\n", "", "x"]
    assert done.column("n_redacted_email").to_pylist() == [2, 1, 0]
    assert done.column("n_redacted_phone").to_pylist() == [1, 0, 0]


def test_documents_are_dropped_by_kind_by_number_and_by_density() -> None:
    raw = texts(["a@bakery.org " * 6, "4111111111111111 " + "word " * 400, "a@bakery.org", "nothing", ""])
    config = Scrub(modes={"payment_card": "drop_document"}, max_values=5, max_values_per_1000_chars=100)
    found = {
        rule: (fails.tolist(), limit)
        for rule, fails, _, limit in judge_density(scrub_batch(pa.RecordBatch.from_pydict({"raw_text": raw}), config), config)
    }
    assert found == {
        "scrub.modes.payment_card": ([False, True, False, False, False], 0.0),
        "scrub.max_values": ([True, False, False, False, False], 5.0),
        "scrub.max_values_per_1000_chars": ([True, False, True, False, False], 100.0),
    }
    assert not list(judge_density(scrub_batch(pa.RecordBatch.from_pydict({"raw_text": raw}), Scrub()), Scrub()))


def test_hosts_are_ranked_by_the_density_of_private_values() -> None:
    urls = ["http://A.org/1", "https://u:p@a.org:80/2", "http://b.org/", None]
    batch = pa.RecordBatch.from_pydict({"url": texts(urls), "raw_text": texts(["a@bakery.org", "x" * 93, "y" * 50, "z"])})
    found = values_by_host(pa.Table.from_batches([scrub_batch(batch, Scrub())]))
    assert found.row(0, named=True) == {"host": "a.org", "documents": 2, "values": 1, "chars": 100, "values_per_1000_chars": 10.0}
    assert set(found.get_column("host").to_list()) == {"a.org", "b.org", None}


def test_a_mode_needs_a_kind_that_is_looked_for_and_a_known_name() -> None:
    with pytest.raises(RecipeError, match=r"scrub\.modes\.user = 'placeholder': add the kind"):
        Scrub(modes={"user": "placeholder"})
    with pytest.raises(RecipeError, match=r"scrub\.modes\.email = 'hide': choose one of"):
        Scrub(modes={"email": "hide"})
    with pytest.raises(RecipeError, match="did you mean 'email'"):
        Scrub(modes={"emial": "placeholder"})
    with pytest.raises(RecipeError, match=r"scrub\.max_values = -1"):
        Scrub(max_values=-1)


def test_placeholders_are_tokens_if_the_recipe_wants() -> None:
    assert special_tokens(Scrub()) == ()
    assert special_tokens(Scrub(kinds=("email", "user"), special_tokens=True)) == ("<EMAIL>", "<USER>")


def test_offices_keep_their_addresses_if_the_recipe_wants() -> None:
    assert scrubbed("info@bakery.org jane@bakery.org", config=Scrub(keep_role_addresses=True)) == "info@bakery.org <EMAIL>"
