"""What README.md promises about readers is what they were measured to do."""

from __future__ import annotations

import pytest

from config_sync.formats import FORMATS
from config_sync.formats.dialects import DIALECTS
from tests.docs.consumers import CONSUMERS, OTHERS, Consumer, all_readers, consumer_rows, measured

EXPANDING = {"next-env", "bun", "npm-dotenv+expand", "deno", "direnv", "phpdotenv", "go-envparse"}
"""Readers for which no dialect is exact: the table says so."""


@pytest.mark.parametrize("one", CONSUMERS, ids=[one.name for one in CONSUMERS])
def test_the_dialect_is_exact_for_the_reader_or_the_table_says_how_far_it_is_not(one: Consumer) -> None:
    wrong = {reader: measured(reader, one.dialect)[2] for reader in one.readers}
    assert {reader for reader, count in wrong.items() if count} == EXPANDING & set(one.readers)
    (told,) = [told for name, _, told in consumer_rows() if name == one.name]
    assert ("misreads" in told) == any(wrong.values())


@pytest.mark.parametrize("reader", sorted(EXPANDING))
def test_for_a_reader_that_misreads_no_other_dialect_would_be_better(reader: str) -> None:
    (chosen,) = {one.dialect for one in CONSUMERS if reader in one.readers}
    assert measured(reader, chosen)[2] == min(measured(reader, dialect)[2] for dialect in DIALECTS)


def test_every_measured_reader_and_every_dialect_and_format_has_its_line() -> None:
    assert {reader for one in CONSUMERS for reader in one.readers} == all_readers()
    assert {one.dialect for one in CONSUMERS} == set(DIALECTS)
    told = {what.removeprefix("`format: ").rstrip("`") for _, what, _ in OTHERS}
    assert {*told, "env"} == set(FORMATS)
