"""What is not written to: no file, somebody else's link, a directory that is closed to us. Each its own message."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import UNREADABLE, WriteResult
from config_sync.model import FileSpec, Missing, Present, SymlinkPolicy, digest_of
from tests.unit.files.world import KEY, NEW, NOBODY, OLD, as_user, disk, grant_by_default_acl, names, snapshot, spec_of


def refused(spec: FileSpec, content: bytes = NEW) -> FileError:
    with pytest.raises(FileError) as caught:
        disk().publish(spec, content)
    return caught.value


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize(
    ("make", "says"),
    [(Path.mkdir, "directory"), (os.mkfifo, "FIFO"), (a_socket, "socket")],
    ids=["directory", "fifo", "socket"],
)
def test_destination_of_another_kind_is_refused_with_its_own_message(
    place: Path, make: Callable[[Path], None], says: str
) -> None:
    make(place / "app.conf")
    error = refused(spec_of(place / "app.conf"))
    assert error.reason == "NotRegularFile"
    assert says in error.message
    with pytest.raises(FileError) as caught:
        disk().observe(spec_of(place / "app.conf"))
    assert says in caught.value.message
    assert names(place) == ["app.conf"]


def test_device_is_refused() -> None:
    assert "character device" in refused(spec_of("/dev/null")).message


def test_root_directory_is_refused() -> None:
    assert refused(spec_of("/")).reason == "NotRegularFile"


def test_missing_directory_is_named_with_the_setting_that_makes_it(place: Path) -> None:
    error = refused(spec_of(place / "a" / "b" / "app.conf"))
    assert error.reason == "DirectoryMissing"
    assert str(place / "a") in error.message
    assert "create_parents" in str(error.hint)
    assert disk().observe(spec_of(place / "a" / "b" / "app.conf")) == Missing()


def test_file_in_the_place_of_a_directory_is_named(old: Path) -> None:
    assert refused(spec_of(old / "app.conf")).reason == "NotADirectory"


def test_trusted_links_are_followed_at_the_end_and_on_the_way(place: Path) -> None:
    (place / "real").mkdir()
    (place / "real" / "data.conf").write_bytes(OLD)
    (place / "way").symlink_to("real")
    (place / "real" / "app.conf").symlink_to("../real/./data.conf")
    disk().publish(spec_of(place / "way" / "app.conf"), NEW)
    assert (place / "real" / "data.conf").read_bytes() == NEW
    assert (place / "real" / "app.conf").is_symlink()
    assert names(place / "real") == ["app.conf", "data.conf"]


def test_absolute_link_is_followed(place: Path, old: Path) -> None:
    (place / "link").symlink_to(old)
    assert disk().publish(spec_of(place / "link"), OLD).result is WriteResult.UNCHANGED


@pytest.mark.parametrize("where", ["end", "way"])
def test_links_are_refused_when_the_settings_say_so(place: Path, old: Path, where: str) -> None:
    (place / "link").symlink_to(old if where == "end" else place)
    path = place / "link" if where == "end" else place / "link" / "app.conf"
    error = refused(dataclasses.replace(spec_of(path), symlink=SymlinkPolicy.REFUSE))
    assert error.reason == "UntrustedLink"
    assert str(place / "link") in error.message
    assert old.read_bytes() == OLD


def test_dangling_link_has_its_own_message(place: Path) -> None:
    for target in ("nothing", "no/where"):
        (place / "app.conf").unlink(missing_ok=True)
        (place / "app.conf").symlink_to(target)
        error = refused(spec_of(place / "app.conf"))
        assert error.reason == "DanglingLink"
        assert names(place) == ["app.conf"]


def test_circle_of_links_ends(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    assert refused(spec_of(place / "a")).reason == "UntrustedLink"


@pytest.mark.root
@pytest.mark.parametrize("where", ["end", "way"])
def test_link_of_another_user_is_not_followed(place: Path, old: Path, where: str) -> None:
    link = place / "link"
    link.symlink_to(old if where == "end" else place)
    os.lchown(link, NOBODY, NOBODY)
    error = refused(spec_of(link if where == "end" else link / "app.conf"))
    assert error.reason == "UntrustedLink"
    assert f"uid {NOBODY}" in error.message
    assert old.read_bytes() == OLD


def test_link_in_a_directory_that_others_write_to_is_not_followed(place: Path, old: Path) -> None:
    (place / "open").mkdir()
    (place / "open").chmod(0o1777)
    (place / "open" / "link").symlink_to(old)
    assert refused(spec_of(place / "open" / "link")).reason == "UntrustedLink"
    assert old.read_bytes() == OLD


@pytest.mark.root
def test_link_in_a_directory_of_another_user_is_not_followed(place: Path, old: Path) -> None:
    (place / "theirs").mkdir()
    (place / "theirs" / "link").symlink_to(old)
    os.chown(place / "theirs", NOBODY, NOBODY)
    assert refused(spec_of(place / "theirs" / "link")).reason == "UntrustedLink"


def test_observe_tells_all_attributes(old: Path) -> None:
    old.chmod(0o2604)
    info = old.stat()
    assert disk().observe(spec_of(old)) == Present(
        digest=digest_of(OLD, key=KEY), mode=0o2604, uid=info.st_uid, gid=info.st_gid, size=len(OLD)
    )
    assert disk().observe(spec_of(old.parent / "none")) == Missing()


def test_observe_tells_an_acl(place: Path) -> None:
    grant_by_default_acl(place, NOBODY)
    (place / "app.conf").write_bytes(OLD)
    state = disk().observe(spec_of(place / "app.conf"))
    assert isinstance(state, Present)
    assert state.has_acl


def test_huge_file_is_not_pulled_into_memory(old: Path) -> None:
    os.truncate(old, 1 << 40)
    state = disk().observe(spec_of(old))
    assert isinstance(state, Present)
    assert state.digest == UNREADABLE
    assert disk().publish(spec_of(old), NEW).result is WriteResult.WRITTEN


def attempt(spec: FileSpec, content: bytes = NEW) -> list[str | None]:
    """What an unprivileged writer gets: reason, message, hint; or the result."""
    try:
        return [disk().publish(spec, content).result.value, None, None]
    except FileError as error:
        return [error.reason, error.message, error.hint]


@pytest.mark.root
def test_read_only_directory_names_the_uid_and_what_is_missing_then_heals(place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    place.chmod(0o500)
    spec = spec_of(place / "app.conf")
    answer = as_user(NOBODY, lambda: attempt(spec))
    assert isinstance(answer, list)
    assert answer[0] == "PermissionDenied"
    assert f"uid {NOBODY}" in answer[1]
    assert str(place) in answer[1]
    place.chmod(0o700)
    assert as_user(NOBODY, lambda: attempt(spec)) == ["written", None, None]


@pytest.mark.root
def test_owner_without_the_capability_is_refused_and_named(place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    spec = dataclasses.replace(spec_of(place / "app.conf"), uid=1000)
    answer = as_user(NOBODY, lambda: attempt(spec))
    assert isinstance(answer, list)
    assert answer[0] == "PermissionDenied"
    assert "CAP_CHOWN" in answer[1]
    assert "1000" in answer[1]
    assert names(place) == []


@pytest.mark.root
def test_group_of_which_the_agent_is_a_member_needs_no_capability(place: Path) -> None:
    os.chown(place, 0, 2000)
    place.chmod(0o2775)
    spec = dataclasses.replace(spec_of(place / "app.conf"), gid=2000)
    assert as_user(65532, lambda: attempt(spec), groups=(2000,)) == ["written", None, None]
    info = (place / "app.conf").stat()
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (65532, 2000, 0o640)


@pytest.mark.root
def test_file_of_another_user_that_cannot_be_read_is_replaced(place: Path, old: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    old.chmod(0o600)
    assert as_user(NOBODY, lambda: attempt(spec_of(old))) == ["written", None, None]
    assert old.stat().st_uid == NOBODY


@pytest.mark.root
def test_file_of_another_user_in_a_sticky_directory_is_told_apart(place: Path, old: Path) -> None:
    place.chmod(0o1777)
    answer = as_user(NOBODY, lambda: attempt(spec_of(old)))
    assert isinstance(answer, list)
    assert answer[0] == "PermissionDenied"
    assert "sticky" in answer[1]
    assert names(place) == ["app.conf"]


@pytest.mark.root
def test_closed_directory_on_the_way_is_told(place: Path) -> None:
    (place / "a" / "b").mkdir(parents=True)
    (place / "a").chmod(0o700)
    answer = as_user(NOBODY, lambda: attempt(spec_of(place / "a" / "b" / "app.conf")))
    assert isinstance(answer, list)
    assert "enter" in answer[1]


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    subprocess.run(["mount", *arguments], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", arguments[-1]], check=True)


@pytest.mark.root
def test_full_file_system_leaves_the_old_file_and_heals_by_itself(place: Path) -> None:
    with mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)):
        path = place / "app.conf"
        path.write_bytes(OLD)
        before = snapshot(path)
        (place / "ballast").write_bytes(b"x" * 50_000)
        error = refused(spec_of(path), b"n" * 30_000)
        assert (error.reason, error.transient) == ("NoSpace", True)
        assert snapshot(path) == before
        assert names(place) == ["app.conf", "ballast"]
        (place / "ballast").unlink()
        assert disk().publish(spec_of(path), b"n" * 30_000).result is WriteResult.WRITTEN


@pytest.mark.root
def test_bind_mounted_destination_says_to_mount_the_directory(place: Path, old: Path) -> None:
    (place / "source").write_bytes(OLD)
    with mounted("--bind", str(place / "source"), str(old)):
        error = refused(spec_of(old))
        assert (error.reason, error.transient) == ("BusyMount", True)
        assert "directory" in str(error.hint)
        assert old.read_bytes() == OLD
        assert names(place) == ["app.conf", "source"]


@pytest.mark.root
def test_read_only_mount_is_told_and_a_right_file_on_it_is_fine(place: Path) -> None:
    with mounted("-t", "tmpfs", "tmpfs", str(place)):
        path = place / "app.conf"
        path.write_bytes(OLD)
        path.chmod(0o640)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        assert refused(spec_of(path)).reason == "ReadOnly"
        assert disk().publish(spec_of(path), OLD).result is WriteResult.UNCHANGED
