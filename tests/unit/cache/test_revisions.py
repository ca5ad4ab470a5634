"""The cache of ciphertext: newest first, bounded, authentic; one file a revision."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
from pathlib import Path

import pytest

from config_sync.cache import RevisionCache, Seen
from config_sync.errors import FileError, RevisionDamaged, RevisionMissing
from config_sync.files import Calls
from config_sync.model import ConfigName, ConfigRef

KEY = b"d" * 32
APP = ConfigRef(ConfigName("app"))
WEB = ConfigRef(ConfigName("web"), "prod")
PINNED = ConfigRef(ConfigName("app"), version=7)


def seen(revision: str = "aa", ref: ConfigRef = APP, *, ciphertext: bytes = b"", version: int | None = 1) -> Seen:
    return Seen(ref, ciphertext or f"sealed {revision}".encode(), revision, "k1", version, 42, 5.0)


def cache(at: Path, *, history: int = 3, calls: Calls | None = None, key: bytes = KEY) -> RevisionCache:
    """As a fresh process has it."""
    return RevisionCache(str(at), digest_key=key, history=history, confirm_every_s=60.0, calls=calls)


def kept(at: Path, ref: ConfigRef = APP) -> list[str]:
    return [one.revision for one in cache(at).revisions(ref)]


def files(at: Path) -> list[str]:
    return sorted(os.listdir(at / "cache"))


def test_a_revision_survives_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    cache(tmp_path).keep(seen(), target="web", now=100.0)
    again = cache(tmp_path)
    (one,) = again.revisions(APP)
    assert dataclasses.astuple(one) == (("app", None, None), "aa", "k1", 1, 42, 5.0, 100.0, 100.0, 1, ())
    assert again.load(APP, "aa").ciphertext == b"sealed aa"


def test_the_newest_comes_first_and_what_is_beyond_the_history_goes(tmp_path: Path) -> None:
    one = cache(tmp_path)
    for number, revision in enumerate(("aa", "bb", "cc", "dd")):
        one.keep(seen(revision), target="web", now=100.0 + number)
    assert kept(tmp_path) == ["dd", "cc", "bb"]
    assert [item.revision for item in one.revisions(APP)] == ["dd", "cc", "bb"]
    assert len(files(tmp_path)) == 3
    with pytest.raises(RevisionMissing, match="revision aa is not in the cache"):
        one.load(APP, "aa")


def test_a_revision_that_comes_again_is_the_newest_with_its_first_ciphertext(tmp_path: Path) -> None:
    one = cache(tmp_path)
    one.keep(seen("aa"), target="web", now=100.0)
    one.keep(seen("bb"), target="web", now=101.0)
    one.keep(seen("aa", ciphertext=b"another nonce", version=3), target="web", now=102.0)
    assert kept(tmp_path) == ["aa", "bb"]
    again = cache(tmp_path).load(APP, "aa")
    assert (again.ciphertext, again.revision.version) == (b"sealed aa", 3)
    assert (again.revision.stored_at, again.revision.confirmed_at) == (100.0, 102.0)
    assert len(files(tmp_path)) == 2


def test_what_the_service_does_not_say_again_stays_known(tmp_path: Path) -> None:
    cache(tmp_path).keep(seen(), target="web", now=100.0)
    quiet = Seen(APP, b"x", "aa", "k1")
    cache(tmp_path).keep(quiet, target="web", now=500.0)
    (one,) = cache(tmp_path).revisions(APP)
    assert (one.version, one.changed_by, one.saved_at, one.confirmed_at) == (1, 42, 5.0, 500.0)


def test_after_a_change_of_the_key_the_new_ciphertext_is_taken(tmp_path: Path) -> None:
    cache(tmp_path).keep(seen(), target="web", now=100.0)
    cache(tmp_path).keep(dataclasses.replace(seen(), key="k2", ciphertext=b"new key"), target="web", now=101.0)
    assert cache(tmp_path).load(APP, "aa").ciphertext == b"new key"


@pytest.mark.parametrize("fresh", [False, True], ids=["same process", "new process"])
def test_nothing_is_written_while_there_is_no_news(tmp_path: Path, fresh: bool) -> None:
    one = cache(tmp_path)
    one.keep(seen(), target="web", now=100.0)
    before = (tmp_path / "cache" / files(tmp_path)[0]).stat().st_ino
    another = cache(tmp_path) if fresh else one
    another.keep(seen(), target="web", now=159.0)
    assert (tmp_path / "cache" / files(tmp_path)[0]).stat().st_ino == before
    another.keep(seen(), target="web", now=160.0)
    assert (tmp_path / "cache" / files(tmp_path)[0]).stat().st_ino != before
    assert cache(tmp_path).revisions(APP)[0].confirmed_at == 160.0


def test_it_is_kept_again_when_somebody_cleared_the_directory_under_a_running_agent(tmp_path: Path) -> None:
    one = cache(tmp_path)
    one.keep(seen(), target="web", now=100.0)
    for name in files(tmp_path):
        (tmp_path / "cache" / name).unlink()
    (tmp_path / "cache").rmdir()
    one.keep(seen(), target="web", now=101.0)
    assert kept(tmp_path) == ["aa"]


def test_configs_environments_and_pinned_versions_are_apart(tmp_path: Path) -> None:
    one = cache(tmp_path)
    refs = (APP, WEB, PINNED, ConfigRef(ConfigName("app"), "7"))
    for number, ref in enumerate(refs):
        one.keep(seen(f"a{number}", ref), target="web", now=100.0)
    assert [kept(tmp_path, ref) for ref in refs] == [["a0"], ["a1"], ["a2"], ["a3"]]
    readable = [name.split(".")[0] for name in files(tmp_path)]
    assert readable == ["app", "app@7", "app@7", "web@prod"]


@pytest.mark.parametrize("name", ["x" * 253, "é€" * 126, "a.b", "%2f", "ü~$(x)&;|*"], ids=repr)
def test_any_name_makes_a_file_name(tmp_path: Path, name: str) -> None:
    try:
        ref = ConfigRef(ConfigName(name))
    except ValueError:
        ref = ConfigRef(ConfigName(name.replace("%", "")))
    cache(tmp_path).keep(seen(ref=ref), target="web", now=100.0)
    assert kept(tmp_path, ref) == ["aa"]
    assert len(files(tmp_path)[0]) < 200
    assert files(tmp_path)[0].isascii()


def test_everything_is_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        cache(tmp_path).keep(seen(), target="web", now=100.0)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache", *(tmp_path / "cache").iterdir())]
    assert modes == [0o700, 0o600]


def damage_of(kind: str, content: bytes) -> bytes:
    """The file, wronged in one way."""
    magic, header, _, *rest = content.split(b"\n")
    match kind:
        case "a byte of the ciphertext":
            return content[:-1] + bytes([content[-1] ^ 1])
        case "a version in the header":
            return content.replace(b'"version": 1', b'"version": 2')
        case "another seal":
            return b"\n".join([magic, header, b"0" * 64, *rest])
        case "cut":
            return content[:-3]
        case "longer":
            return content + b"\0"
        case "zeros":
            return b"\0" * len(content)
        case _:
            return b""


KINDS = ("a byte of the ciphertext", "a version in the header", "another seal", "cut", "longer", "zeros", "empty")


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_or_cut_file_is_refused_and_told(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = cache(tmp_path)
    one.keep(seen("aa"), target="web", now=100.0)
    one.keep(seen("bb"), target="web", now=101.0)
    path = next(path for path in (tmp_path / "cache").iterdir() if path.name.endswith("bb"))
    path.write_bytes(damage_of(kind, path.read_bytes()))
    again = cache(tmp_path)
    with pytest.raises(RevisionDamaged, match="changed or cut"):
        again.load(APP, "bb")
    assert [item.revision for item in again.revisions(APP)] == ["aa"]
    assert [item.revision for item in again.revisions(APP)] == ["aa"]
    output = capsys.readouterr()
    assert (output.out + output.err).count("cache.damaged") == 1
    again.keep(seen("bb"), target="web", now=102.0)
    assert kept(tmp_path) == ["bb", "aa"]
    assert len(files(tmp_path)) == 2


def test_another_configs_file_in_its_place_is_refused(tmp_path: Path) -> None:
    one = cache(tmp_path)
    one.keep(seen("aa"), target="web", now=100.0)
    one.keep(seen("aa", WEB), target="web", now=100.0)
    app, web = files(tmp_path)
    (tmp_path / "cache" / app).write_bytes((tmp_path / "cache" / web).read_bytes())
    with pytest.raises(RevisionDamaged, match="holds revision aa of config web/prod"):
        cache(tmp_path).load(APP, "aa")
    assert cache(tmp_path).revisions(APP) == ()


def test_an_older_revision_in_the_place_of_a_newer_is_refused(tmp_path: Path) -> None:
    one = cache(tmp_path)
    one.keep(seen("aa"), target="web", now=100.0)
    one.keep(seen("bb"), target="web", now=101.0)
    old, new = files(tmp_path)
    (tmp_path / "cache" / new).write_bytes((tmp_path / "cache" / old).read_bytes())
    assert kept(tmp_path) == ["aa"]


def test_files_made_with_other_records_are_refused(tmp_path: Path) -> None:
    cache(tmp_path, key=b"e" * 32).keep(seen("aa"), target="web", now=100.0)
    assert kept(tmp_path) == []


def test_a_directory_or_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    cache(tmp_path).keep(seen("aa"), target="web", now=100.0)
    path = tmp_path / "cache" / files(tmp_path)[0]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert kept(tmp_path) == []
    path.unlink()
    path.mkdir()
    assert kept(tmp_path) == []


def test_a_target_that_rolled_a_revision_back_refuses_it_and_takes_it_again_once_it_lives_with_it(
    tmp_path: Path,
) -> None:
    cache(tmp_path).keep(seen("aa"), target="web", now=100.0)
    cache(tmp_path).refuse(APP, "aa", target="web")
    cache(tmp_path).refuse(APP, "aa", target="web")
    cache(tmp_path).refuse(APP, "zz", target="web")
    assert cache(tmp_path).revisions(APP)[0].refused_by == ("web",)
    cache(tmp_path).keep(seen("aa"), target="other", now=101.0)
    assert cache(tmp_path).revisions(APP)[0].refused_by == ("web",)
    cache(tmp_path).keep(seen("aa"), target="web", now=102.0)
    assert cache(tmp_path).revisions(APP)[0].refused_by == ()


def test_configs_that_the_settings_no_longer_name_are_removed(tmp_path: Path) -> None:
    one = cache(tmp_path)
    for ref in (APP, WEB, PINNED):
        one.keep(seen("aa", ref), target="web", now=100.0)
    (tmp_path / "cache" / "notes.txt").write_text("an operator's")
    removed = cache(tmp_path).prune((APP,))
    assert [name.split(".")[0] for name in sorted(removed)] == ["app@7", "web@prod"]
    assert [name.split(".")[0] for name in files(tmp_path)] == ["app", "notes"]
    one.prune((APP,))
    one.keep(seen("aa", WEB), target="web", now=201.0)
    assert kept(tmp_path, WEB) == ["aa"]


def test_a_shorter_history_is_cut_at_the_start(tmp_path: Path) -> None:
    one = cache(tmp_path)
    for number, revision in enumerate(("aa", "bb", "cc")):
        one.keep(seen(revision), target="web", now=100.0 + number)
    cache(tmp_path, history=1).prune((APP,))
    assert kept(tmp_path) == ["cc"]


def test_without_a_directory_there_is_nothing_to_read_or_to_prune(tmp_path: Path) -> None:
    one = cache(tmp_path / "missing")
    assert one.revisions(APP) == ()
    assert one.prune(()) == ()
    assert not (tmp_path / "missing").exists()


class Breaking:
    """A gate at which one call fails, once it is told to."""

    def __init__(self, call: str) -> None:
        self._call = call
        self.is_on = False

    def __call__(self, call: str) -> None:
        if self.is_on and call == self._call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename"])
def test_a_failed_write_leaves_what_was_kept(tmp_path: Path, call: str) -> None:
    gate = Breaking(call)
    one = cache(tmp_path, history=1, calls=Calls(gate))
    one.keep(seen("aa"), target="web", now=100.0)
    gate.is_on = True
    with pytest.raises(FileError, match="ENOSPC"):
        one.keep(seen("bb"), target="web", now=101.0)
    gate.is_on = False
    assert (kept(tmp_path), len(files(tmp_path))) == (["aa"], 1)
    one.keep(seen("bb"), target="web", now=102.0)
    assert (kept(tmp_path), len(files(tmp_path))) == (["bb"], 1)
