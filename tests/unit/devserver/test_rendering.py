"""The plain-text renderings read back as the document."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from config_sync.devserver.rendering import RENDERINGS, Unwritable

DOCUMENT = b'{"a": {"b-c": "x y", "d": null}, "list": [1, "two"], "n": 1.10, "big": 12345678901234567890, "e": 1e3}'


def test_json_is_the_document_itself() -> None:
    assert RENDERINGS["json"][1](DOCUMENT) == DOCUMENT


def test_yaml_reads_back_and_numbers_keep_their_spelling() -> None:
    text = RENDERINGS["yaml"][1](DOCUMENT)
    loaded: object = yaml.safe_load(text)
    assert loaded == {
        "a": {"b-c": "x y", "d": None}, "list": [1, "two"], "n": 1.1, "big": 12345678901234567890, "e": 1000.0,
    }  # fmt: skip
    assert b"n: 1.10\n" in text


def test_env_flattens_and_leaves_null_out() -> None:
    assert RENDERINGS["env"][1](DOCUMENT).decode() == (
        "A__B_C='x y'\nLIST='[1,\"two\"]'\nN='1.10'\nBIG='12345678901234567890'\nE='1e3'\n"
    )


def test_a_shell_reads_env_back(tmp_path: os.PathLike[str]) -> None:
    value = 'it\'s $HOME `id` "quoted" \\ two\nlines'
    quoted = RENDERINGS["env"][1](f'{{"v": {yaml.dump(value, default_style=chr(34), width=999).strip()}}}'.encode())
    printed = subprocess.run(
        ["sh", "-c", quoted.decode() + 'printf %s "$V"'], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert printed.stdout == value


def test_only_an_object_is_written_as_env() -> None:
    with pytest.raises(Unwritable):
        RENDERINGS["env"][1](b"[1]")
