"""The directory of a set: whose it may be, what it was before, and what others see of it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from config_sync.errors import FileError
from config_sync.files import Disk, NotOurs, WriteResult
from config_sync.model import AbsolutePath, Missing, Present, SymlinkPolicy, digest_of
from tests.unit.files.sets import V1, V2, by_name, generations, identity, items, publish, root_of, shown
from tests.unit.files.test_leftovers import Later
from tests.unit.files.world import KEY, disk, names, spec_of


def paths(place: Path, *base: str) -> tuple[AbsolutePath, ...]:
    return tuple(AbsolutePath(str(place / name)) for name in base)


def refused(place: Path, *, previous: Collection[str] = ()) -> FileError:
    before = identity(place)
    with pytest.raises(FileError) as caught:
        publish(place, V2, previous=previous)
    assert identity(place) == before
    assert not caught.value.published
    return caught.value


def test_foreign_file_or_link_at_a_new_name_refuses_the_set_and_an_equal_file_is_taken(place: Path) -> None:
    (place / "tls.crt").write_bytes(V2["tls.crt"])
    done = publish(place, V2)
    assert set(done.changed) == set(paths(place, "app.conf", "tls.key"))
    for name in names(place):
        path = place / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (place / "tls.crt").write_bytes(b"somebody's")
    error = refused(place)
    assert (error.reason, str(place / "tls.crt") in error.message) == ("ForeignFile", True)
    assert error.hint
    (place / "tls.crt").unlink()
    (place / "tls.crt").symlink_to("elsewhere")
    assert refused(place).reason == "ForeignFile"
    (place / "tls.crt").unlink()
    (place / "tls.crt").mkdir()
    assert refused(place, previous=set(V1)).reason == "NotRegularFile"


@pytest.mark.parametrize("kind", ["link", "directory", "file"])
def test_directory_of_another_program_is_refused(place: Path, kind: str) -> None:
    data = place / "..data"
    if kind == "link":
        data.symlink_to("..2024_05_01_10_00_00.123")
    elif kind == "directory":
        data.mkdir()
    else:
        data.write_bytes(b"x")
    assert "another program" in refused(place).message


def test_name_that_the_layout_needs_is_refused(place: Path) -> None:
    with pytest.raises(FileError) as caught:
        publish(place, {"..data": b"x"})
    assert caught.value.reason == "NameTaken"


def test_files_published_one_by_one_become_a_set_with_a_way_back(place: Path) -> None:
    writer = disk()
    for spec, content in items(place, V1, mode=0o600):
        writer.publish(spec, content)
    done = publish(place, V2, by=writer, previous=set(V1))
    assert by_name(place) == shown(place) == V2
    assert set(done.changed) == set(paths(place, *V1))
    assert done.kept is not None
    specs = [spec for spec, _ in items(place, V2)]
    assert writer.restore_directory(root_of(place), specs, done.kept)
    assert by_name(place) == V1
    assert (place / "tls.key").stat().st_mode & 0o7777 == 0o600


def test_set_becomes_single_files_again(place: Path) -> None:
    publish(place, V1)
    spec = spec_of(place / "app.conf")
    assert disk().publish(spec, V1["app.conf"]).result is WriteResult.HEALED
    assert not (place / "app.conf").is_symlink()
    kept = disk().keep(spec_of(place / "tls.key"))
    assert disk().publish(spec_of(place / "tls.key"), b"new", keep=[kept or ""]).result is WriteResult.WRITTEN
    assert disk().restore(spec_of(place / "tls.key"), kept)
    assert by_name(place) == shown(place) == V1


def test_missing_directory_is_made_if_the_settings_say_so(place: Path) -> None:
    directory = place / "a" / "b"
    with pytest.raises(FileError) as caught:
        publish(directory, V1)
    assert caught.value.message.startswith(f"{directory}: the directory {place / 'a'} does not exist")
    specs = [(dataclasses.replace(spec, create_parents=True), content) for spec, content in items(directory, V1)]
    disk().publish_directory(root_of(directory), specs)
    assert by_name(directory) == V1
    assert directory.stat().st_mode & 0o7777 == 0o755


def test_observe_sees_the_file_in_the_generation_also_where_others_may_write(place: Path) -> None:
    place.chmod(0o2777)
    publish(place, V1)
    spec = spec_of(place / "app.conf")
    for each in (spec, dataclasses.replace(spec, symlink=SymlinkPolicy.REFUSE)):
        state = disk().observe(each)
        assert isinstance(state, Present)
        assert state.digest == digest_of(V1["app.conf"], key=KEY)
    (place / "gone.conf").symlink_to("..data/gone.conf")
    assert disk().observe(spec_of(place / "gone.conf")) == Missing()
    (place / "..data").unlink()
    assert disk().observe(spec) == Missing()
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "app.conf").write_bytes(b"what a planted link would lead to")
    (place / "..data").symlink_to("elsewhere")
    with pytest.raises(FileError, match="not followed"):
        disk().observe(spec)


def test_links_of_another_program_of_the_same_form_stay_what_they_are(place: Path) -> None:
    (place / "..2024_05_01").mkdir()
    (place / "..2024_05_01" / "app.conf").write_bytes(V1["app.conf"])
    (place / "..data").symlink_to("..2024_05_01")
    (place / "app.conf").symlink_to("..data/app.conf")
    spec, digest = spec_of(place / "app.conf"), digest_of(V1["app.conf"], key=KEY)
    state = disk().observe(spec)
    assert isinstance(state, Present)
    assert state.digest == digest
    disk().publish(spec, V2["app.conf"])
    assert (place / "..2024_05_01" / "app.conf").read_bytes() == V2["app.conf"]
    assert isinstance(disk().remove(spec.path, digest_of(V2["app.conf"], key=KEY)), NotOurs)
    assert names(place) == ["..2024_05_01", "..data", "app.conf"]


def test_stage_lies_beside_the_links_and_not_in_a_generation(place: Path) -> None:
    done = publish(place, V1)
    with disk().stage(items(place, V2)) as staged:
        assert staged.directory is not None
        assert Path(staged.directory).parent == place
        assert Path(staged.paths[AbsolutePath(str(place / "tls.key"))]).read_bytes() == V2["tls.key"]
    assert names(place) == sorted(["..data", done.generation, *V1])


def test_start_sweeps_generations_past_their_grace_and_old_links_but_not_those_of_records(place: Path) -> None:
    first, second, third = (publish(place, files, previous=set(V1)).generation for files in (V1, V2, V1))
    (place / ".config-sync-01234567-0123456789abcdef.link").symlink_to("..data")
    directory = [root_of(place)]
    assert disk().sweep(directory) == ()
    swept = Disk(digest_key=KEY, state_dir=None, clock=Later()).sweep(directory, keep={first})
    assert len(swept) == 2
    assert sorted(generations(place)) == sorted([first, third])
    assert second not in names(place)
    assert by_name(place) == V1
