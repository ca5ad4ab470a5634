"""Each format beside the library that people would use instead, on one document; and a pass beside a huge render."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import dotenv
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from config_sync import log
from config_sync.agent.workers import Threads
from config_sync.clock import SystemClock
from config_sync.document import parse_document
from config_sync.files import Disk
from config_sync.formats.env import EnvFormat
from config_sync.formats.files import FilesFormat
from config_sync.formats.json_ import JsonFormat
from config_sync.formats.template import compile_template
from config_sync.formats.yaml_ import YamlFormat
from config_sync.model import AbsolutePath, ConfigName, ConfigRef, FileSpec, Format, Target
from config_sync.reconciler import Occasion, Reconciler
from config_sync.records import open_records
from config_sync.stop import Stop
from tests.bench.table import Row, Side, median, percentile
from tests.fakes import FakeService, Keys

NOTE = (
    "formats: one document of services (texts, numbers, lists, a text of two lines in each) of 10 KB and 1 MB, parsed "
    "already; peers get the same as Python objects: json.dumps, PyYAML's C dumper with sort_keys off, python-dotenv's "
    "set_key for 64 texts (it rewrites the file for each), jinja2's plain sandbox; the last rows: a pass of a small "
    "target every 100 ms, until it ends, alone, and while passes of another one fetch, parse and render (yaml) 10 MB"
)
SIZES = {"10 KB": 10_000, "1 MB": 1_000_000}
HUGE = 10_000_000
PASSES = 200
EVERY_S = 0.1
PYTHONS_SWITCH_S = 0.005
TEMPLATE = (
    "{% for name, one in services.items() %}[{{ name }}]\n"
    "{% for k, v in one.items() %}{{ k }}={{ v }}\n{% endfor %}{% endfor %}"
)

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
Work: TypeAlias = Callable[[], object]


def services(size: int) -> dict[str, Json]:
    """A document of about that many bytes of JSON."""
    made: dict[str, Json] = {}
    written = 0
    while written < size:
        number = len(made)
        one: Json = {
            "host": f"db{number}.example.com",
            "port": 5432 + number % 10,
            "enabled": number % 2 == 0,
            "ratio": 1.5,
            "name": f"Service number {number}, the main one",
            "tags": ["a", "b c", "x:y"],
            "url": f"https://example.com/{number}?a=b",
            "nested": {"timeout": "30s", "note": "line one\nline two\n", "none": None},
        }
        made[f"service-{number}"] = one
        written += len(json.dumps(one))
    return {"services": made}


def rows(directory: Path, count: int) -> list[Row]:
    """Every format at both sizes, then what a huge document does to another target."""
    is_quick = count == 1
    sizes = list(SIZES.items())[: 1 if is_quick else None]
    found = [row for label, size in sizes for row in _of_size(directory, label, size, count)]
    return [*found, *_beside_a_huge_one(directory, 5 if is_quick else PASSES)]


def _of_size(directory: Path, label: str, size: int, count: int) -> list[Row]:
    value = services(size)
    raw = json.dumps(value).encode()
    document = parse_document(raw)
    texts = {f"key{number}": "v" * (size // 64) for number in range(64)}
    flat = parse_document(json.dumps(texts).encode())
    template = compile_template(AbsolutePath("/bench.j2"), TEMPLATE)
    plain = ImmutableSandboxedEnvironment().from_string(TEMPLATE)
    files = FilesFormat()

    def write_files() -> object:
        return [files.for_key(key).render(flat) for key in files.keys(flat)]

    def set_keys() -> None:
        path = directory / f"{time.monotonic_ns()}.env"
        for name, text in texts.items():
            dotenv.set_key(path, name, text)
        path.unlink()

    json_styles = {style: JsonFormat(style=style) for style in ("pretty", "compact", "canonical")}
    pairs: list[tuple[str, Work, str, Work]] = [
        ("read", lambda: parse_document(raw), "json.loads", lambda: json.loads(raw)),
        ("json pretty", lambda: json_styles["pretty"].render(document), "dumps", lambda: json.dumps(value, indent=2)),
        ("json compact", lambda: json_styles["compact"].render(document), "dumps", lambda: json.dumps(value)),
        (
            "json canonical",
            lambda: json_styles["canonical"].render(document),
            "dumps",
            lambda: json.dumps(value, sort_keys=True),
        ),
        (
            "yaml",
            lambda: YamlFormat().render(document),
            "PyYAML C dumper",
            lambda: yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True),
        ),
        ("env, 64 texts", lambda: EnvFormat(dialect="dotenv").render(flat), "python-dotenv set_key", set_keys),
        ("template", lambda: template.render(document), "jinja2", lambda: plain.render(value)),
        ("files, 64 texts", write_files, "encode", lambda: [text.encode() for text in texts.values()]),
    ]
    return [_row(f"{name}, {label}", ours, peer, theirs, count) for name, ours, peer, theirs in pairs]


def _row(name: str, ours: Work, peer: str, theirs: Work, count: int) -> Row:
    """Both in turn, after a warm-up of each."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(count + 1):
        for work, times in zip((ours, theirs), taken, strict=True):
            begun = time.perf_counter()
            work()
            if number:
                times.append(time.perf_counter() - begun)
    return Row(Side(name, 1000 * median(taken[0])), Side(peer, 1000 * median(taken[1])), count)


def _beside_a_huge_one(directory: Path, passes: int) -> list[Row]:
    huge = json.dumps(services(HUGE if passes == PASSES else HUGE // 50)).encode()
    log.set_up(level="error", form="json")
    before = sys.getswitchinterval()
    try:
        Threads()  # sets the interval, as the agent does
        alone = _passes(directory / "alone", passes, None)
        busy = _passes(directory / "busy", passes, huge)
        sys.setswitchinterval(PYTHONS_SWITCH_S)
        usual = _passes(directory / "usual", passes, huge)
    finally:
        sys.setswitchinterval(before)
    return [
        Row(
            Side(f"a pass beside 10 MB, p{percent}", 1000 * percentile(busy, percent)),
            Side("beside, Python's 5 ms" if is_usual else "alone", 1000 * percentile(other, percent)),
            passes,
        )
        for other, is_usual in ((alone, False), (usual, True))
        for percent in (50, 99)
    ]


def _passes(directory: Path, count: int, huge: bytes | None) -> list[float]:
    """How long after it was due each pass of a small target ended, whose document is a new one each time; seconds."""
    directory.mkdir()
    service = FakeService()
    records = open_records(str(directory / "state"))
    disk = Disk(digest_key=records.digest_key, state_dir=str(directory / "state"))
    reconciler = Reconciler(service, keys=Keys(), records=records, disk=disk, clock=SystemClock())
    stop = Stop()
    is_over = threading.Event()

    def keep_busy() -> None:
        target = _target(directory, "huge", YamlFormat())
        while huge is not None and not is_over.is_set():
            service.put("huge", huge, version=1)
            outcome = reconciler.reconcile(target, Occasion(), stop)
            assert outcome.error is None, outcome.error

    other = threading.Thread(target=keep_busy)
    other.start()
    taken = []
    try:
        small = _target(directory, "small", YamlFormat())
        begun = time.perf_counter()
        for number in range(count):
            service.put("small", services(2000) | {"number": number})
            due = begun + number * EVERY_S
            stop.wait(max(0.0, due - time.perf_counter()))
            outcome = reconciler.reconcile(small, Occasion(), stop)
            taken.append(time.perf_counter() - due)
            if outcome.error is not None:
                raise outcome.error
    finally:
        is_over.set()
        other.join()
    return taken


def _target(directory: Path, name: str, form: Format) -> Target:
    spec = FileSpec(AbsolutePath(str(directory / f"{name}.yaml")), ConfigRef(ConfigName(name)), form)
    return Target(name, (spec,))
