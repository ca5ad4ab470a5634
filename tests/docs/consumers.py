"""The table "which format and dialect for which consumer", computed from what real readers were measured to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

_DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads the file, by the names in `env_vectors.json`, and the dialect that is right for all of them."""

    name: str
    readers: tuple[str, ...]
    dialect: str


CONSUMERS = (
    Consumer("systemd, `EnvironmentFile=`", ("systemd-252",), "env"),
    Consumer("systemd before 241", ("systemd-252",), "systemd"),
    Consumer(
        "a shell that sources it: sh, dash, bash, busybox, ksh, mksh, yash, zsh",
        ("dash", "bash", "busybox-ash", "ksh93", "mksh", "yash", "zsh"),
        "env",
    ),
    Consumer(
        "a shell, and only shells; with `export: true` for their children",
        ("dash", "bash", "busybox-ash", "ksh93", "mksh", "yash", "zsh"),
        "shell",
    ),
    Consumer(
        "`docker run --env-file`, `podman --env-file`, `kubectl create … --from-env-file`",
        ("docker-28.2.2", "podman", "kubectl-1.32.4"),
        "docker",
    ),
    Consumer("Kubernetes' EnvFiles (`fileKeyRef`)", ("kubelet-envfiles",), "kubernetes"),
    Consumer(
        "a dotenv library: python-dotenv, npm dotenv, dotenvx, Ruby's dotenv from 3, godotenv, dotenvy, Symfony",
        (
            "python-dotenv", "npm-dotenv", "dotenvx", "ruby-dotenv-3.2.0", "godotenv", "godotenv-1.5.1",
            "rust-dotenvy", "symfony-dotenv",
        ),
        "dotenv",
    ),
    Consumer("`node --env-file`", ("node20.20-parseEnv", "node24.21-parseEnv"), "dotenv"),
    Consumer("Docker Compose, `env_file:`", ("compose-go",), "dotenv"),
    Consumer(
        "readers that expand `$` whatever the quotes: Next.js, Bun, dotenv-expand",
        ("next-env", "bun", "npm-dotenv+expand"),
        "dotenv",
    ),
    Consumer("Deno, direnv", ("deno", "direnv"), "dotenv"),
    Consumer("phpdotenv", ("phpdotenv",), "systemd"),
    Consumer("Go's envparse", ("go-envparse",), "dotenv"),
)  # fmt: skip

RUBY_2 = ("Ruby's dotenv before 3, as Debian 12 has it", "`dialect: dotenv`")
"""Measured in the lane `readers`, not with the others: it knows no value of several lines."""

OTHERS = (
    (
        "a program that reads YAML, of 1.1 or 1.2",
        "`format: yaml`",
        "every document but for numbers beyond a double, which are refused ({} readers measured)",
    ),
    ("a program that reads JSON", "`format: json`", "every document"),
    ("one that reads a secret from a file, as from a Kubernetes or Docker secret", "`format: files`", "an object"),
    ("anything else: INI, TOML, nginx, HCL", "`format: template`", "an object; the template says what is written"),
)


@cache
def _vectors() -> Mapping[str, object]:
    found: object = json.loads((_DATA / "env_vectors.json").read_text(encoding="utf-8"))
    return cast("Mapping[str, object]", found)


def all_readers() -> frozenset[str]:
    """Every reader that was measured."""
    return frozenset(cast("Sequence[str]", _vectors()["all_parsers"]))


def measured(reader: str, dialect: str) -> tuple[int, int, int]:
    """How many values there are, how many the dialect carries, and how many of those the reader gets wrong."""
    values = cast("Sequence[Mapping[str, Mapping[str, Mapping[str, object]]]]", _vectors()["vectors"])
    written = [one["dialects"][dialect] for one in values if "refuse" not in one["dialects"][dialect]]
    return len(values), len(written), sum(reader not in _exact(one["read_exactly_by"]) for one in written)


def _exact(told: object) -> frozenset[str]:
    """The readers that got a value back, groups taken apart."""
    if told == "all":
        return all_readers()
    groups = cast("Mapping[str, Sequence[str]]", _vectors()["groups"])
    named = [groups[one[1:]] if one.startswith("@") else [one] for one in cast("Sequence[str]", told)]
    return frozenset(reader for some in named for reader in some)


def consumer_rows() -> list[tuple[str, str, str]]:
    """The table: who reads it, what to set, what it gets back."""
    rows = [(one.name, f"`dialect: {one.dialect}`", _outcome(one)) for one in CONSUMERS]
    total, written, wrong = of_ruby_2()
    after = next(index for index, one in enumerate(CONSUMERS) if "ruby-dotenv-3.2.0" in one.readers) + 1
    said = f"{_carried(written, total)}; **misreads {wrong} of the {written}: those of several lines**"
    rows.insert(after, (*RUBY_2, said))
    yaml: object = json.loads((_DATA / "yaml_vectors.json").read_text(encoding="utf-8"))
    count = len(cast("Mapping[str, Sequence[str]]", yaml)["readers"])
    return rows + [(name, what, holds.format(count)) for name, what, holds in OTHERS]


def of_ruby_2() -> tuple[int, int, int]:
    """How many values there are, how many `dotenv` carries, and how many of those have several lines."""
    values = cast("Sequence[Mapping[str, object]]", _vectors()["vectors"])
    dialects = [cast("Mapping[str, Mapping[str, object]]", one["dialects"])["dotenv"] for one in values]
    written = [one for one, dialect in zip(values, dialects, strict=True) if "refuse" not in dialect]
    return len(values), len(written), sum("\n" in str(one.get("value", "")) for one in written)


def _carried(written: int, total: int) -> str:
    return f"{written} of {total} values; the others are refused"


def _outcome(one: Consumer) -> str:
    found = [measured(reader, one.dialect) for reader in one.readers]
    total, written, _ = found[0]
    wrong = max(wrong for _, _, wrong in found)
    said = _carried(written, total)
    return f"{said}; **misreads up to {wrong} of the {written}**" if wrong else said
