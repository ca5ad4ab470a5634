"""One file of the folder becomes one JSON document, or a reason that quotes nothing."""

from __future__ import annotations

import pytest

from config_sync.devserver.documents import from_json, from_yaml
from config_sync.errors import DocumentRefused


def test_json_stays_byte_for_byte() -> None:
    raw = b' {"a": 1.10,\r\n "b": 1e400, "c": 123456789012345678901234567890}\n'
    assert from_json(raw) == raw


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"password": hunter2}', id="syntax"),
        pytest.param(b'{"hunter2": NaN}', id="nan"),
        pytest.param(b'{"a": "hunter2", "a": 2}', id="duplicate"),
        pytest.param(b'{"a": "hunter2\xff"}', id="not-utf-8"),
        pytest.param(b"", id="empty"),
    ],
)
def test_broken_json_is_refused_without_a_quote(raw: bytes) -> None:
    with pytest.raises(DocumentRefused) as refused:
        from_json(raw)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("b: 1\na: [x, 1.5, true, null]\n", '{"b":1,"a":["x",1.5,true,null]}', id="types-and-order"),
        pytest.param("name: café\n", '{"name":"café"}', id="unicode"),
        pytest.param("base: &b {x: 1}\nuse: {<<: *b, y: 2}\n", '{"base":{"x":1},"use":{"x":1,"y":2}}', id="merge"),
        pytest.param("base: &b {x: 1}\nuse: {<<: *b, x: 2}\n", '{"base":{"x":1},"use":{"x":2}}', id="merge-overridden"),
        pytest.param("a: &a {x: 1}\nu: {<<: [*a, *a]}\n", '{"a":{"x":1},"u":{"x":1}}', id="merge-twice"),
        pytest.param("when: '2026-01-02'\n", '{"when":"2026-01-02"}', id="quoted-date"),
        pytest.param("", "null", id="empty"),
    ],
)
def test_yaml_becomes_compact_json(text: str, expected: str) -> None:
    assert from_yaml(text.encode()) == expected.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("a: 2026-01-02\n", "JSON cannot hold a timestamp: quote it, line 1 column 4", id="date"),
        pytest.param("a: !!binary aHVudGVyMg==\n", "JSON cannot hold a binary", id="binary"),
        pytest.param("a: !!set {x, y}\n", "JSON cannot hold a set", id="set"),
        pytest.param("1: hunter2\n", "JSON needs a text as key: quote it, line 1 column 1", id="number-as-key"),
        pytest.param("a: 1\nb: 2\na: hunter2\n", "a key stands twice, line 3 column 1", id="duplicate"),
        pytest.param("a: .nan\n", "a number that JSON cannot hold", id="nan"),
        pytest.param("a: &x [*x]\n", "an anchor inside itself", id="loop"),
        pytest.param("a: !!python/object:os.system hunter2\n", "could not determine a constructor", id="python-tag"),
        pytest.param(
            "a: !hunter2 x\n", "could not determine a constructor for the tag …, line 1 column 4", id="own-tag"
        ),
        pytest.param("a: *hunter2\n", "found undefined alias", id="alias"),
        pytest.param("a: [hunter2\n", "expected ',' or ']', but got '<stream end>', line 2 column 1", id="syntax"),
        pytest.param("a: 1\n---\nb: 2\n", "single document", id="two-documents"),
        pytest.param("a: \x07\n", "a character that YAML does not allow", id="control-character"),
        pytest.param('a: "\\ud800"\n', "half of a surrogate pair", id="surrogate"),
        pytest.param("[" * 5000, "nests too deeply", id="deep"),
    ],
)
def test_yaml_that_json_cannot_hold_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        from_yaml(text.encode())
    assert reason in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)
