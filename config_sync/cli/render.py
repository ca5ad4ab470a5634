"""``config-sync render TARGET --document FILE``: a target's files from documents at hand, without a service.

The same functions as in a pass make them, so what is refused here is refused there: with exit code 8 and the pointer.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from config_sync.cli.choosing import target_named
from config_sync.cli.loading import add_settings_options, set_up_log, settings_reader, text, texts
from config_sync.cli.output import put, say
from config_sync.errors import Exit, UsageError
from config_sync.files import Disk
from config_sync.model import AbsolutePath, ConfigRef, Document, FileSpec, Target, WriteMode
from config_sync.reconciler.gathering import parsed
from config_sync.reconciler.guarding import Schemas
from config_sync.reconciler.rendering import Rendering, render_files

_STDIN = "-"
_MODE = 0o600
"""Of the files of ``-o``: they hold secrets, and it is not the consumer who reads them there."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which target, of which documents, to where."""
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument(
        "--document",
        action="append",
        default=[],
        required=True,
        metavar="[NAME=]FILE",
        help="the JSON of config NAME, - for stdin; NAME= may be left out where the target has one config",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="write the files there under their base names (0600) and print their paths",
    )
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print or write them.

    Raises:
        SettingsError, UsageError: what was asked cannot be asked.
        DocumentRefused, SchemaUnusable, RenderRefused: a document cannot be used, or a file not be made of it.
        FileError: a file cannot be written.
    """
    settings = settings_reader(arguments, needs_service=False)()
    set_up_log(arguments, settings)
    target = target_named(settings, text(arguments, "target") or "")
    documents = dict(_documents(target, texts(arguments, "document")))
    Schemas().guard(target, documents)
    rendering = render_files(target, documents)
    for path, warning in rendering.warnings:
        say(f"warning: {path}: {warning}")
    if output := text(arguments, "output"):
        _write(rendering, os.path.abspath(output))
    elif sys.__stdout__ is None:
        raise UsageError("standard output is closed", hint="-o DIR writes files")
    else:
        _print(rendering.contents)
    return Exit.DONE


def _documents(target: Target, given: tuple[str, ...]) -> Iterator[tuple[ConfigRef, Document]]:
    """Each config with its document. Raises UsageError, also where one is missing that is not optional."""
    files = _files(target, given)
    if list(files.values()).count(_STDIN) > 1:
        raise UsageError("only one document can come from stdin", hint="put the others into files")
    for ref, file in files.items():
        yield ref, parsed(ref, _read(file))
    for ref in target.configs:
        if ref not in files and ref not in target.optional:
            raise UsageError(
                f"target {target.name!r} is also made of config {ref.label}", hint=f"--document {ref.label}=FILE"
            )


def _files(target: Target, given: tuple[str, ...]) -> dict[ConfigRef, str]:
    """Each config that was given, with its file."""
    # A name alone is enough where it is one config; else its environment or version must be said with it.
    names = Counter(str(ref.name) for ref in target.configs)
    known = {ref.label: ref for ref in target.configs}
    known |= {str(ref.name): ref for ref in target.configs if names[ref.name] == 1}
    files: dict[ConfigRef, str] = {}
    for word in given:
        name, equals, file = word.partition("=")
        ref = known.get(name) if equals else None
        if ref is None:
            if len(target.configs) > 1:
                raise UsageError(
                    f"--document {word}: target {target.name!r} is made of several configs, and this names none",
                    hint=f"NAME=FILE, with one of {', '.join(known)}",
                )
            ref, file = target.configs[0], word
        if ref in files:
            raise UsageError(f"config {ref.label} is given twice", hint="give each document once")
        files[ref] = file
    return files


def _read(file: str) -> bytes:
    try:
        if file == _STDIN:
            return sys.stdin.buffer.read()
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", hint="name a file that you may read") from error


def _print(contents: Mapping[AbsolutePath, bytes]) -> None:
    """One file as it is; several under their names, for people."""
    if len(contents) == 1:
        (content,) = contents.values()
        needs_end = sys.stdout.isatty() and not content.endswith(b"\n")
        put(content + b"\n" if needs_end else content)
        return
    for path, content in contents.items():
        put(f"==> {path} <==\n".encode() + content + (b"" if content.endswith(b"\n") else b"\n"))


def _write(rendering: Rendering, directory: str) -> None:
    places = {spec.path: f"{directory}/{_name(spec, rendering.target)}" for spec in rendering.target.files}
    if again := [place for place, times in Counter(places.values()).items() if times > 1]:
        raise UsageError(f"two files of the target would be {again[0]}", hint="without -o both are printed")
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{directory}: {error.strerror}", hint="name a directory that can be made") from error
    # Without a state directory: no agent of these settings need exist. The key is for digests nobody compares.
    disk = Disk(digest_key=secrets.token_bytes(16), state_dir=None)
    for spec in rendering.target.files:
        place = AbsolutePath(places[spec.path])
        there = replace(spec, path=place, mode=_MODE, uid=None, gid=None, write=WriteMode.ATOMIC, create_parents=True)
        published = disk.publish(there, rendering.contents[spec.path])
        if published.error is not None:
            raise published.error
        put(f"{place}\n")


def _name(spec: FileSpec, target: Target) -> str:
    """A file's base name; of a set the directory's with the key."""
    is_key = target.key_set is not None and spec.path.parent == target.key_set.path
    return f"{spec.path.parent.name}/{spec.path.name}" if is_key else spec.path.name
