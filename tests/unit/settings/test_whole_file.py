from __future__ import annotations

import os
from pathlib import Path

import pytest

from config_sync.backoff import Backoff
from config_sync.formats import FORMATS
from config_sync.log import LEVELS
from config_sync.model import (
    ConfigName,
    ConfigRef,
    Debounce,
    Durability,
    OnDrift,
    OnFirstSync,
    SymlinkPolicy,
    Validate,
)
from config_sync.settings.agent import LEVEL
from tests.unit.settings.given import SMALLEST, load_text, refusal_of

EVERYTHING = """
    version: 1
    service:
      host: ${CONFIG_SERVICE_HOST}
      token: null
      key: null
      allow_insecure: false
      ca_file: null
      client_cert: null
      proxy: null
      connect_timeout: 5s
      request_timeout: 10s
      idle_timeout: 90s
      resync: 5m
      retry: {first: 500ms, max: 5s}
      reconnect: {first: 5s, max: 60s}
      watch: auto
      max_size: 1MiB
      stale_after: 15m
    agent:
      state_dir: null
      runtime_dir: null
      history: 10
      offline_start: 7d
      listen: null
      log: {level: info, format: auto}
    defaults: {}
    targets:
      my-service:
        environment: null
        files:
          - path: /etc/my-service/config.yaml
            config: my-service
            environment: null
            version: null
            merge: null
            format: json
            json: {style: verbatim}
            select: null
            mode: "0640"
            owner: null
            group: null
            allow_empty: false
            write: atomic
            symlink: follow-trusted
            create_parents: false
            durability: full
        layout: files
        prune: false
        schema: null
        validate: [my-service, --check-config, "{file}"]
        reload:
          - systemd: my-service.service
        probe: null
        on_failure: keep
        on_drift: restore
        on_first_sync: auto
        debounce: {min: 200ms, max: 2s}
        splay: 0s
        required: true
"""


def test_smallest_file_gives_one_target_with_every_default(tmp_path: Path) -> None:
    found = load_text(tmp_path, SMALLEST)

    assert len(found.targets) == 1
    target = found.targets[0]
    assert target.name == "my-service"
    assert target.validate is None
    assert (target.on_drift, target.on_first_sync) == (OnDrift.RESTORE, OnFirstSync.AUTO)
    assert (target.debounce, target.required) == (Debounce(0.2, 2.0), True)
    assert [reload.kind for reload in target.reload] == ["systemd"]
    (spec,) = target.files
    assert spec.path == "/etc/my-service/config.yaml"
    assert spec.source == ConfigRef(ConfigName("my-service"))
    assert spec.format.name == "yaml"
    assert (spec.mode, spec.uid, spec.gid) == (0o640, None, None)
    assert (spec.allow_empty, spec.create_parents) == (False, False)
    assert (spec.symlink, spec.durability) == (SymlinkPolicy.FOLLOW_TRUSTED, Durability.FULL)
    assert found.service.host == "https://config.example"
    assert found.service.retry == Backoff(0.5, 5.0)
    assert found.service.reconnect == Backoff(5.0, 60.0)
    assert (found.service.connect_timeout_s, found.service.request_timeout_s) == (5.0, 10.0)
    assert (found.service.idle_timeout_s, found.service.resync_s, found.service.stale_after_s) == (90.0, 300.0, 900.0)
    assert (found.service.watch, found.service.max_bytes) == ("auto", 1024**2)
    assert (found.agent.log_level, found.agent.log_format) == ("info", "auto")
    assert (found.agent.history, found.agent.offline_start_s) == (10, 7 * 86400.0)
    assert found.warnings == ()


def test_every_default_spelled_out_means_the_same_as_saying_nothing(tmp_path: Path) -> None:
    spelled, silent = load_text(tmp_path, EVERYTHING), load_text(tmp_path, SMALLEST)

    assert spelled.service == silent.service
    assert spelled.agent == silent.agent
    assert spelled.targets[0].files[0].format.name == "json"
    assert spelled.targets[0].validate == Validate(("my-service", "--check-config", "{file}"))
    assert spelled.targets[0].debounce == silent.targets[0].debounce
    assert spelled.targets[0].reload == silent.targets[0].reload


def test_every_key_set_to_something_else_arrives(tmp_path: Path) -> None:
    found = load_text(
        tmp_path,
        """
        service:
          host: http://config.internal:8080/base/
          allow_insecure: true
          token: {file: /run/secrets/token}
          key: {env: KEY_OF_MINE}
          ca_file: /etc/ssl/private-ca.pem
          connect_timeout: 1.5s
          request_timeout: 2m
          idle_timeout: 30s
          resync: 1h
          retry: {max: 10s}
          reconnect: {first: 250ms, max: 30s}
          watch: stream
          max_size: 64KiB
          stale_after: 1d
        agent:
          state_dir: /srv/state/
          runtime_dir: /srv//run
          log: {level: debug, format: json}
        targets:
          app:
            environment: production
            files:
              - path: /srv/app/app.conf
                config: app-main
                version: 7
                format: env
                env: {prefix: APP_}
                mode: u=rw,g=r,o=
                owner: 1234
                group: "2000"
                allow_empty: true
                symlink: refuse
                create_parents: true
                durability: none
              - {path: /srv/app/other.json, environment: staging}
            validate: {command: [check, "{dir}"], timeout: 5s, in_place: true}
            reload:
              - command: [app, reload, "{file:app.conf}"]
                timeout: 3s
              - {systemd: app.service, action: restart}
            on_first_sync: reload
            debounce: {min: 0s, max: 500ms}
            required: false
        """,
    )

    service, agent, target = found.service, found.agent, found.targets[0]
    assert service.host == "http://config.internal:8080/base"
    assert service.allow_insecure
    assert service.token.describe() == "file /run/secrets/token"
    assert service.keys.describe() == "environment variable KEY_OF_MINE"
    assert service.ca_file == "/etc/ssl/private-ca.pem"
    assert (service.connect_timeout_s, service.request_timeout_s, service.idle_timeout_s) == (1.5, 120.0, 30.0)
    assert (service.resync_s, service.stale_after_s, service.max_bytes) == (3600.0, 86400.0, 65536)
    assert (service.retry, service.reconnect) == (Backoff(0.5, 10.0), Backoff(0.25, 30.0))
    assert service.watch == "stream"
    assert (agent.state_dir, agent.runtime_dir) == ("/srv/state", "/srv/run")
    assert (agent.log_level, agent.log_format) == ("debug", "json")
    first, second = target.files
    assert first.source == ConfigRef(ConfigName("app-main"), "production", 7)
    assert second.source == ConfigRef(ConfigName("app"), "staging")
    assert (first.format.name, second.format.name) == ("env", "json")
    assert (first.mode, first.uid, first.gid) == (0o640, 1234, 2000)
    assert (first.allow_empty, first.create_parents) == (True, True)
    assert (first.symlink, first.durability) == (SymlinkPolicy.REFUSE, Durability.NONE)
    assert target.validate == Validate(("check", "{dir}"), 5.0, in_place=True)
    assert [reload.kind for reload in target.reload] == ["command", "systemd"]
    assert (target.on_first_sync, target.required) == (OnFirstSync.RELOAD, False)
    assert target.debounce == Debounce(0.0, 0.5)


def test_defaults_reach_targets_and_files_unless_these_say_otherwise(tmp_path: Path) -> None:
    found = load_text(
        tmp_path,
        """
        defaults:
          environment: production
          mode: "0600"
          create_parents: true
          env: {prefix: X_}
          debounce: {max: 5s}
          reload: {systemd: all.service}
        targets:
          one:
            files: [{path: /srv/one.env}, {path: /srv/one.json, mode: "0640"}]
          two:
            environment: staging
            files: [{path: /srv/two.yaml}]
            reload: null
            debounce: {min: 1s}
        """,
    )

    one, two = found.targets
    assert [spec.mode for spec in (*one.files, *two.files)] == [0o600, 0o640, 0o600]
    assert all(spec.create_parents for spec in (*one.files, *two.files))
    assert [spec.source.environment for spec in (*one.files, *two.files)] == ["production", "production", "staging"]
    assert (one.debounce, two.debounce) == (Debounce(0.2, 5.0), Debounce(1.0, 2.0))
    assert (len(one.reload), len(two.reload)) == (1, 0)


def test_names_of_owner_and_group_become_ids(tmp_path: Path) -> None:
    text = "targets: {a: {files: [{path: /srv/a.json, owner: root, group: root}]}}"

    (spec,) = load_text(tmp_path, text).targets[0].files

    assert (spec.uid, spec.gid) == (0, 0)


def test_ids_that_no_one_has_are_taken_as_they_are(tmp_path: Path) -> None:
    text = "targets: {a: {files: [{path: /srv/a.json, owner: 65532, group: '54321'}]}}"

    (spec,) = load_text(tmp_path, text).targets[0].files

    assert (spec.uid, spec.gid) == (65532, 54321)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_of_the_table_can_be_named(tmp_path: Path, name: str) -> None:
    source = tmp_path / "app.j2"
    source.write_text("x\n", encoding="utf-8")
    options = f"{{source: {source}}}" if name == "template" else "{}"
    text = f"targets: {{a: {{files: [{{path: /srv/a.conf, format: {name}, {name}: {options}}}]}}}}"

    assert load_text(tmp_path, text).targets[0].files[0].format.name == name


def test_a_template_that_cannot_be_read_is_told_at_its_options(tmp_path: Path) -> None:
    text = "targets: {a: {files: [{path: /srv/a.conf, format: template, template: {source: /nowhere/a.j2}}]}}"

    (problem,) = refusal_of(tmp_path, text).problems

    assert "/nowhere/a.j2" in problem.message
    assert os.strerror(2) in problem.message
    assert (problem.line, problem.path) == (1, "targets.a.files[0].template")


def test_settings_without_targets_load_with_a_warning_since_get_and_list_need_none(tmp_path: Path) -> None:
    found = load_text(tmp_path, "service: {watch: auto}")

    assert found.targets == ()
    assert [warning.message for warning in found.warnings] == ["no targets: nothing is kept in sync"]


def test_the_log_levels_are_those_of_the_logger() -> None:
    schema = LEVEL.kind.json_schema()

    assert schema["enum"] == list(LEVELS)
