from __future__ import annotations

import pytest

from config_sync.credentials import KeySource, TokenSource, source_of
from config_sync.credentials.source import MAX_KEYS
from config_sync.errors import CredentialError
from config_sync.model import EncryptionKey, Secret

OLD, NEW = "0f" * 32, "A0" * 32


def token_of(text: str) -> TokenSource:
    return TokenSource(source_of("env", "SECRET", {"SECRET": text}))


def keys_of(text: str) -> KeySource:
    return KeySource(source_of("env", "SECRET", {"SECRET": text}))


@pytest.mark.parametrize("text", ["t0ken", "t0ken\n", "t0ken\r\n", "t0ken\n\n"], ids=["bare", "lf", "crlf", "lf-lf"])
def test_token_is_one_line_without_its_end(text: str) -> None:
    assert token_of(text).read() == Secret("t0ken")


def test_token_may_hold_any_visible_ascii() -> None:
    visible = "".join(map(chr, range(0x21, 0x7F)))

    assert token_of(visible).read().reveal() == visible


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n", "is empty"),
        ("hush\nhush", "is not one line"),
        ("hush\r\nX-Admin: yes", "is not one line"),
        ("hush\rhush", "is not one line"),
        ("hush hush", "has a blank at character 5"),
        (" hush", "has a blank at character 1"),
        ("hush\t", "has a blank at character 5"),
        ("hush\x00", "has a control character at character 5"),
        ("hush\x7f", "has a control character at character 5"),
        ("\ufeffhush", "has a non-ASCII character at character 1"),
        ("hush\u00e9", "has a non-ASCII character at character 5"),
        ("hush\u2028", "has a non-ASCII character at character 5"),
        ("hush\udcff", "has a non-ASCII character at character 5"),
        ("hush" * 3000, "has 12000 characters"),
    ],
    ids=["empty", "two-lines", "header-injection", "cr", "blank", "leading", "tab", "nul", "del", "bom", "latin",
         "line-separator", "undecodable", "long"],
)  # fmt: skip
def test_token_that_no_header_can_carry_is_refused_without_quoting_it(text: str, message: str) -> None:
    with pytest.raises(CredentialError) as caught:
        token_of(text).read()

    assert caught.value.message.startswith("the service token (environment variable SECRET) ")
    assert message in caught.value.message
    assert "hush" not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NEW, (NEW,)),
        (f"{NEW}\n", (NEW,)),
        (f"{NEW}\n{OLD}\n", (NEW, OLD)),
        (f"\r\n {NEW} \r\n\r\n{OLD}\r\n", (NEW, OLD)),
        (f"{NEW}\n{OLD}\n{NEW.lower()}\n", (NEW, OLD)),
    ],
    ids=["bare", "line", "rotation", "windows", "twice"],
)
def test_keys_come_newest_first_each_once(text: str, expected: tuple[str, ...]) -> None:
    assert keys_of(text).read() == tuple(EncryptionKey(one) for one in expected)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("\n \n", "is empty", "64 hex characters"),
        ("ab" * 16, "has 32 characters; a key is exactly 64 hex characters", "openssl rand -hex 32"),
        ("zz" * 32, "has a character that is no hex digit", "openssl rand -hex 32"),
        (f"{NEW}\nabc", "key 2 of 2, has 3 characters", "openssl"),
        (f"0x{NEW}", "has 66 characters", "openssl"),
        ("q" * 43 + "=", "has 44 characters", "looks like Base64"),
        (f"{NEW}\n" * (MAX_KEYS + 1), "has 17 lines; at most 16", ""),
    ],
    ids=["empty", "short", "no-hex", "second", "prefix", "base64", "many"],
)
def test_key_that_is_none_is_refused_without_quoting_it(text: str, message: str, hint: str) -> None:
    with pytest.raises(CredentialError) as caught:
        keys_of(text).read()

    told = f"{caught.value.message} {caught.value.hint}"
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert NEW not in told
    assert "zz" not in told
    assert "qqq" not in told
    assert caught.value.__cause__ is None


def test_readings_name_their_source_and_show_nothing_else() -> None:
    token, keys = token_of("hush"), keys_of(NEW)

    assert token.describe() == keys.describe() == "environment variable SECRET"
    assert "hush" not in repr(token)
    assert NEW not in repr(keys)
    assert token.watch_path() is None
    assert keys.watch_path() is None
