from __future__ import annotations

import os
from pathlib import Path

import pytest

from config_sync.credentials import SOURCES, Source, default_key, default_token, source_of
from config_sync.credentials.source import MAX_BYTES
from config_sync.errors import CredentialError, Exit, Retry


def sources_of(directory: Path, text: str) -> dict[str, Source]:
    """Every kind of the table with the same text in it."""
    (directory / "secret").write_text(text, encoding="utf-8")
    environ = {"SECRET": text, "CREDENTIALS_DIRECTORY": str(directory)}
    named = {"env": "SECRET", "file": str(directory / "secret"), "credential": "secret"}
    assert set(named) == set(SOURCES)
    return {key: source_of(key, value, environ) for key, value in named.items()}


@pytest.mark.parametrize("key", sorted(SOURCES))
def test_every_kind_gives_its_text_and_names_itself(tmp_path: Path, key: str) -> None:
    source = sources_of(tmp_path, "hush")[key]

    assert source.is_offered()
    assert source.read_text() == "hush"
    assert "hush" not in source.describe() + repr(source)


def test_names_of_the_sources_tell_kind_and_place(tmp_path: Path) -> None:
    found = sources_of(tmp_path, "x")

    assert found["env"].describe() == "environment variable SECRET"
    assert found["file"].describe() == f"file {tmp_path}/secret"
    assert found["credential"].describe() == "systemd credential secret"


def test_files_are_watched_and_variables_are_not(tmp_path: Path) -> None:
    found = sources_of(tmp_path, "x")

    assert found["env"].watch_path() is None
    assert found["file"].watch_path() == f"{tmp_path}/secret"
    assert found["credential"].watch_path() == f"{tmp_path}/secret"


def test_file_is_read_anew_at_every_call_also_behind_a_swapped_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(name, encoding="utf-8")
    data, link = tmp_path / "..data", tmp_path / "token"
    data.symlink_to("one")
    link.symlink_to("..data/token")
    source = source_of("file", str(link), {})
    first = source.read_text()

    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").replace(data)

    assert (first, source.read_text()) == ("one", "two")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("env", "MISSING", "environment variable MISSING is not set"),
        ("env", "EMPTY", "environment variable EMPTY is empty"),
        ("file", "/nowhere/token", "cannot read file /nowhere/token: no such file"),
        ("credential", "token", "$CREDENTIALS_DIRECTORY is not set to an absolute path"),
    ],
    ids=["variable-unset", "variable-empty", "file-missing", "no-unit"],
)
def test_source_that_is_not_there_says_so(key: str, value: str, message: str) -> None:
    source = source_of(key, value, {"EMPTY": ""})

    with pytest.raises(CredentialError) as caught:
        source.read_text()

    assert message in caught.value.message
    assert caught.value.hint
    assert (caught.value.exit_code, caught.value.retry) == (Exit.SETTINGS, Retry.SLOW)
    assert not source.is_offered()


def test_credential_that_the_unit_does_not_have_is_named_as_such(tmp_path: Path) -> None:
    source = source_of("credential", "token", {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    with pytest.raises(CredentialError, match="cannot read systemd credential token: no such file"):
        source.read_text()


@pytest.mark.parametrize("kind", ["directory", "fifo", "device"])
def test_what_is_no_regular_file_is_refused_without_hanging(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "token"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = Path("/dev/zero")
    open_before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(CredentialError, match="is no regular file"):
        source_of("file", str(path), {}).read_text()

    assert len(os.listdir("/proc/self/fd")) <= open_before  # fewer: the collector may close what earlier tests left


def test_unreadable_file_is_told_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.symlink_to(path)

    with pytest.raises(CredentialError, match="Too many levels of symbolic links"):
        source_of("file", str(path), {}).read_text()
    assert source_of("file", str(path), {}).is_offered()


@pytest.mark.root
def test_file_of_someone_else_is_told_with_the_uid_that_must_read_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hush", encoding="utf-8")
    path.chmod(0o600)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # another user, in a process of its own
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        try:
            source_of("file", str(path), {}).read_text()
        except CredentialError as error:
            os.write(writing, f"{error.message} | {error.hint}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read().decode()
    os.waitpid(child, 0)

    assert "Permission denied" in told
    assert "uid 65534" in told


@pytest.mark.parametrize("mode", [0o400, 0o644, 0o777], ids=["0400", "0644", "0777"])
def test_owner_and_mode_are_not_judged(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text("hush", encoding="utf-8")
    path.chmod(mode)

    assert source_of("file", str(path), {}).read_text() == "hush"


@pytest.mark.parametrize("key", sorted(SOURCES))
def test_text_that_is_far_too_long_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(CredentialError, match=f"over {MAX_BYTES}"):
        sources_of(tmp_path, "x" * (MAX_BYTES + 1))[key].read_text()


def test_file_that_is_no_text_is_refused_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"hush\xff")

    with pytest.raises(CredentialError, match="is not text: byte 5 is no UTF-8") as caught:
        source_of("file", str(path), {}).read_text()

    assert caught.value.__cause__ is None


def test_default_order_is_credential_then_file_then_variable(tmp_path: Path) -> None:
    credential, file = tmp_path / "config-service-token", tmp_path / "token"
    credential.write_text("one", encoding="utf-8")
    file.write_text("two", encoding="utf-8")
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "CONFIG_SERVICE_TOKEN_FILE": str(file),
        "CONFIG_SERVICE_TOKEN": "three",
    }
    token = default_token(environ)
    seen = [(token.read().reveal(), token.describe(), token.watch_path())]

    credential.unlink()
    seen.append((token.read().reveal(), token.describe(), token.watch_path()))
    del environ["CONFIG_SERVICE_TOKEN_FILE"]
    seen.append((token.read().reveal(), token.describe(), token.watch_path()))

    assert seen == [
        ("one", "systemd credential config-service-token", str(credential)),
        ("two", f"file {file} of $CONFIG_SERVICE_TOKEN_FILE", str(file)),
        ("three", "environment variable CONFIG_SERVICE_TOKEN", None),
    ]


def test_file_named_by_the_variable_must_be_there_even_if_the_next_source_is(tmp_path: Path) -> None:
    environ = {"CONFIG_SERVICE_KEY_FILE": str(tmp_path / "key"), "CONFIG_SERVICE_KEY": "a" * 64}

    with pytest.raises(CredentialError, match="no such file"):
        default_key(environ).read()


def test_file_named_by_the_variable_must_be_absolute() -> None:
    token = default_token({"CONFIG_SERVICE_TOKEN_FILE": "token"})

    with pytest.raises(CredentialError, match=r"cannot use \$CONFIG_SERVICE_TOKEN_FILE"):
        token.read()
    assert token.watch_path() is None


def test_no_source_at_all_names_every_place_that_was_looked_at() -> None:
    token, keys = default_token({}), default_key({"CONFIG_SERVICE_KEY": ""})

    with pytest.raises(CredentialError) as no_token:
        token.read()
    with pytest.raises(CredentialError) as no_key:
        keys.read()

    assert no_token.value.message == (
        "no service token: looked for systemd credential config-service-token, the file of "
        "$CONFIG_SERVICE_TOKEN_FILE, environment variable CONFIG_SERVICE_TOKEN"
    )
    assert "environment variable CONFIG_SERVICE_KEY" in no_key.value.message
    assert token.describe().startswith("none of ")
    assert token.watch_path() is None
