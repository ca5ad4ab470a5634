"""Records as text: the same whether everything is encoded or only what changed."""

from __future__ import annotations

import json

import pytest

from config_sync.model import Digest, Record
from config_sync.record_json import Damaged, Encoder, decoded

KEY = bytes(range(32))


def record(revision: str, path: str = "/etc/app.conf") -> Record:
    return Record(written={path: Digest(revision)}, version=1, revision=Digest(revision))


def test_a_thousandth_save_gives_what_a_first_one_gives() -> None:
    encoder = Encoder(KEY)
    records = {f"app-{number}": record("a" * 32, f'/etc/a "quoted"\n{number}') for number in range(20)}
    encoder.encoded(records)
    records["app-7"] = record("b" * 32)
    del records["app-3"]
    records["new"] = record("c" * 32)
    content = encoder.encoded(records)
    assert content == Encoder(KEY).encoded(records)
    assert decoded(content) == (KEY, records)


def test_no_record_at_all_is_a_file_too() -> None:
    encoder = Encoder(KEY)
    encoder.encoded({"app": record("a" * 32)})
    assert decoded(encoder.encoded({})) == (KEY, {})


def test_the_text_is_that_of_json_indented_by_one_for_people_who_look() -> None:
    content = Encoder(KEY).encoded({"b": record("a" * 32), "a": record("b" * 32, "/etc/one\nline")})
    whole: object = json.loads(content)
    assert content.decode() == json.dumps(whole, indent=1) + "\n"


@pytest.mark.parametrize("at", ["NaN", "Infinity", "-Infinity", "1e300", "-1e300", "1" * 400, "253402300800"])
def test_what_is_no_time_is_damage_and_ends_no_agent(at: str) -> None:
    pin = f'{{"digests": {{}}, "by": "operator", "until": "time", "since": {at}}}'
    for members in (f'"saved_at": {at}', f'"pin": {pin}'):
        content = f'{{"version": 1, "digest_key": "{KEY.hex()}", "targets": {{"app": {{{members}}}}}}}'
        with pytest.raises(Damaged, match=r"(saved_at|since) is no time"):
            decoded(content.encode())
