from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config_sync.crypto import encrypt
from config_sync.model import EncryptionKey
from tests.bench.arrivals import Arrivals
from tests.bench.floor_once import decrypt
from tests.bench.machine import file_system_of
from tests.bench.table import Row, Side, percentile, render
from tests.lanes import on_path
from tests.service import KEY

ROOT = Path(__file__).resolve().parents[3]


def smoke(directory: Path, *concerns: str) -> str:
    """What `python -m tests.bench --quick` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--dir", str(directory), *concerns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_smoke_run_prints_the_machine_and_each_figure_beside_its_floor(tmp_path: Path) -> None:
    told = smoke(tmp_path, "start-up", "once")
    machine, _, headings, *rows = told.splitlines()
    assert f"{len(os.sched_getaffinity(0))} cores" in machine
    assert "smoke run" in machine
    assert headings.split() == ["figure", "measured", "cpu", "beside", "measured", "cpu", "ratio", "n"]
    for figure in ("--version", "--help", "health", "status", "once, http", "once, TLS"):
        (row,) = [row for row in rows if row.startswith(figure) and "×" in row]
        assert ("stdlib script" if figure.startswith("once") else "python -c pass") in row
    assert list(tmp_path.iterdir()) == []


def test_smoke_run_measures_events_and_leaves_no_process_behind(tmp_path: Path) -> None:
    told = smoke(tmp_path, "latency")
    assert "event to file, p50" in told
    assert "event to file, p99" in told
    assert list(tmp_path.iterdir()) == []


def test_smoke_run_measures_every_format_beside_a_library(tmp_path: Path) -> None:
    told = smoke(tmp_path, "formats")
    for figure in (
        "json pretty",
        "json compact",
        "json canonical",
        "yaml",
        "env, 64 texts",
        "template",
        "files, 64 texts",
    ):
        (row,) = [row for row in told.splitlines() if row.startswith(f"{figure}, 10 KB")]
        assert "×" in row
    assert "a pass beside 10 MB, p99" in told
    assert list(tmp_path.iterdir()) == []


def test_smoke_run_measures_a_small_fleet_plain_and_over_tls(tmp_path: Path) -> None:
    told = smoke(tmp_path, "fleet")
    for what in ("plain", "TLS"):
        for figure in ("all files", "all streams", "Rss", "event to file, p99", "30 events to all files"):
            assert f"3 configs, {what}: {figure}" in told
    assert "start, a config, of 1" in told
    assert list(tmp_path.iterdir()) == []


def test_smoke_run_simulates_a_restart_and_counts_an_hour(tmp_path: Path) -> None:
    told = smoke(tmp_path, "simulation", "hour")
    assert "50 streams, one an agent: peak" in told
    assert "50 streams, ten an agent: 99 % current" in told
    assert "fixed delay" in told
    assert "an hour, 1 config, keep-alives" in told


def test_smoke_run_measures_reloads_beside_the_least_they_can_cost(tmp_path: Path) -> None:
    told = smoke(tmp_path, "reload")
    for figure, beside in (("publish to signal, p50", "inotify and kill"), ("hook /bin/true", "bare posix_spawn")):
        (row,) = [row for row in told.splitlines() if row.startswith(figure)]
        assert beside in row
    assert list(tmp_path.iterdir()) == []


def test_smoke_run_measures_the_whole_sequence_and_a_storm(tmp_path: Path) -> None:
    told = smoke(tmp_path, "reload-sequence")
    assert ("save to nginx" in told) is (on_path("nginx") is not None)
    assert "reloads" in told
    assert list(tmp_path.iterdir()) == []


def test_unknown_concern_is_a_usage_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no such concern: nonsense" in done.stderr


def test_table_aligns_columns_and_gives_the_ratio() -> None:
    rows = [
        Row(Side("once", 120.0, cpu_ms=100.0), Side("a script", 60.0, cpu_ms=50.0), 5),
        Row(Side("memory", 9.5, "MB"), None, 1),
    ]
    assert render(rows).splitlines() == [
        "figure  measured  cpu  beside    measured  cpu  ratio  n",
        "once    120.0 ms  100  a script   60.0 ms   50  2.00×  5",
        "memory   9.50 MB                                       1",
    ]


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50.0), (99, 99.0), (100, 100.0), (0, 1.0)], ids=["p50", "p99", "most", "least"]
)
def test_percentile_is_a_value_that_was_measured(percent: int, expected: float) -> None:
    assert percentile([float(one) for one in range(100, 0, -1)], percent) == expected


def test_floor_decrypts_what_the_service_encrypts() -> None:
    sealed = encrypt(b'{"n":1}', EncryptionKey(KEY), bytes(12))
    assert decrypt(bytes.fromhex(KEY), sealed) == b'{"n":1}'
    with pytest.raises(ValueError, match="not decrypted"):
        decrypt(bytes.fromhex(KEY), sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    assert file_system_of(Path("/proc/self")) == "proc"
    assert file_system_of(tmp_path) != "proc"


def test_arrivals_tell_of_a_rename_and_of_no_other_change(tmp_path: Path) -> None:
    with Arrivals(tmp_path) as arrivals:
        (tmp_path / "other").write_text("written in place")
        (tmp_path / "new").write_text("content")
        (tmp_path / "new").rename(tmp_path / "file")
        assert arrivals.take("file", within_s=5) > 0
        with pytest.raises(TimeoutError):
            arrivals.take("other", within_s=0)
