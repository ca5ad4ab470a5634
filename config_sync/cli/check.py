"""``config-sync check``: look for mistakes before they matter. Changes nothing; only errors make it fail.

Loading the settings has already found what is wrong in them (keys, values, owners, templates, extras). Here is what
only this machine can tell: directories, rights, credentials, checkers. What may come later is a warning.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from config_sync.cli.check_consumers import of_consumers
from config_sync.cli.check_files import of_file
from config_sync.cli.finding import Finding
from config_sync.cli.loading import add_settings_options, set_up_log, settings_reader, text, texts
from config_sync.cli.output import say
from config_sync.errors import CredentialError, Exit, SchemaUnusable, SyncError, TlsFailed
from config_sync.model import Target
from config_sync.process.sandbox import Sandbox, own_sandbox
from config_sync.reloads.unit import own_unit
from config_sync.reloads.unit_user import shown
from config_sync.settings import ServiceSettings, Settings, find_settings
from config_sync.units import unit_of


def configure(parser: argparse.ArgumentParser) -> None:
    """The form without a settings file is checked as well."""
    parser.epilog = "Answers for the user that runs it: run it as the agent's user."
    add_settings_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0, or the code of the first error. Raises SettingsError."""
    settings = settings_reader(arguments, needs_service=False)()
    set_up_log(arguments, settings)
    findings = list(_findings(settings, _unit_sandbox(arguments)))
    for finding in findings:
        word = "warning" if finding.exit_code is None else "error"
        hint = f"\n  hint: {finding.hint}" if finding.hint else ""
        say(f"{word}: {finding.where}: {finding.message}{hint}", level=word)
    errors = [one.exit_code for one in findings if one.exit_code is not None]
    files = sum(len(target.files) for target in settings.targets)
    print(
        f"{len(settings.targets)} target(s), {files} file(s): {len(errors)} error(s), "
        f"{len(findings) - len(errors)} warning(s), as uid {os.geteuid()}"
    )
    return errors[0] if errors else Exit.DONE


def _unit_sandbox(arguments: argparse.Namespace) -> Sandbox:
    """That of the agent's unit: our own if we are in one; asked by hand, systemd tells of the installed one."""
    own = own_sandbox(is_unit=_is_unit())
    if own.is_unit or texts(arguments, "file"):
        return own
    path = os.path.abspath(find_settings(text(arguments, "config"), os.environ))
    told = shown(unit_of(path), "LoadState", "PrivateUsers", "ProtectProc") or {}
    if told.get("LoadState") != "loaded":
        return own
    return Sandbox(
        hides_users=told.get("PrivateUsers") == "yes",
        hides_processes=told.get("ProtectProc") in ("invisible", "ptraceable"),
    )


def _is_unit() -> bool:
    """Whether a service of the system runs this. A login is a scope; what a user's own systemd runs is below user@."""
    name = own_unit(os.environ).name or ""
    return name.endswith(".service") and not name.startswith("user@")


def _findings(settings: Settings, of_unit: Sandbox) -> Iterator[Finding]:
    for warning in settings.warnings:
        where = f"{warning.file}:{warning.line}:{warning.column}" if warning.line else warning.file
        yield Finding(f"{where}: {warning.path}" if warning.path else where, warning.message, warning.hint)
    yield from _of_credentials(settings)
    yield from _of_tls(settings.service)
    yield from _of_directory("agent.state_dir", settings.agent.state_dir)
    sandbox = own_sandbox(is_unit=_is_unit())
    for target in settings.targets:
        yield from _of_schema(target)
        for spec in target.files:
            yield from of_file(target.name, spec, sandbox)
        yield from of_consumers(target, sandbox, of_unit)


def _of_schema(target: Target) -> Iterator[Finding]:
    if target.schema is None:
        return
    # Only here: the reconciler's rooms and the validator cost 60 ms.
    from config_sync.reconciler.guarding import Schemas

    try:
        Schemas().schema(target.schema)
    except SchemaUnusable as error:
        yield Finding(f"targets.{target.name}.schema", error.message, error.hint, Exit.SETTINGS)


def _of_credentials(settings: Settings) -> Iterator[Finding]:
    for read, key in ((settings.service.token.read, "service.token"), (settings.service.keys.read, "service.key")):
        try:
            read()
        except CredentialError as error:
            # It may be put there by the unit or the pod; what is malformed will be told when it is used.
            yield Finding(key, error.message, error.hint)


def _of_tls(service: ServiceSettings) -> Iterator[Finding]:
    if service.ca_file is None and service.client_cert is None:
        return
    # ssl: only where there is something to look at
    from config_sync.http.client_pair import ClientPair
    from config_sync.http.tls import Tls

    if service.ca_file is not None:
        try:
            Tls(service.ca_file).context()
        except TlsFailed as error:
            yield _unusable("service.ca_file", error, (service.ca_file,))
    if service.client_cert is not None:
        pair = ClientPair(service.client_cert.cert_file, service.client_cert.key_file)
        try:
            pair.check()
        except CredentialError as error:
            yield _unusable("service.client_cert", error, pair.files())
        for doubt in pair.doubts():
            yield Finding("service.client_cert", doubt, f"chmod o= {pair.key_file}")


def _unusable(where: str, error: SyncError, files: tuple[str, ...]) -> Finding:
    """An error, if the files can be read; else they may be put there later, by the unit or the pod."""
    is_there = all(os.access(path, os.R_OK) for path in files)
    message = error.message.removeprefix(where).lstrip(": ")
    return Finding(where, message, error.hint, Exit.SETTINGS if is_there else None)


def _of_directory(where: str, path: str) -> Iterator[Finding]:
    """A directory that is made if missing: its nearest ancestor must let us."""
    there = path
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        yield Finding(where, f"{there} is not a directory", "remove it, or name another directory")
    elif not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            where, f"uid {os.geteuid()} cannot write {there}", "run this as the agent's user, or mend its mode"
        )
