"""The section "Watching it": what it shows to others' tools, and every name of a metric."""

from __future__ import annotations

import re

import yaml

from config_sync.log import LISTEN_FAILED
from config_sync.status.metrics import METRICS
from config_sync.webserver.answers import HEALTH
from config_sync.webserver.connection import HEAD_S, MAX_HEAD, MAX_OPEN
from tests.docs.sections import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## Watching it\n", 1)[1].split("\n## ", 1)[0]
FOR_OTHERS = [yaml.safe_load(block) for block in re.findall(r"^```yml\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)]


def test_every_metric_has_its_row() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| (.*) \| .+\. \|$", SECTION, re.MULTILINE)
    assert [(name, kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows] == [
        (one.name, one.type.value, list(one.labels)) for one in METRICS
    ]


def test_every_path_has_its_row() -> None:
    assert re.findall(r"^\| `(/[a-z]*)` \|", SECTION, re.MULTILINE) == [
        "/livez", "/startupz", "/readyz", "/metrics", "/status", "/",
    ]  # fmt: skip


def test_the_probes_of_kubernetes_ask_what_is_answered() -> None:
    probes, _scrape = FOR_OTHERS
    asked = {name: (probe["httpGet"]["path"], probe["httpGet"]["port"]) for name, probe in probes.items()}
    assert asked == {
        "livenessProbe": ("/livez", 9180),
        "readinessProbe": ("/readyz", 9180),
        "startupProbe": ("/startupz", 9180),
    }
    assert {path for path, _ in asked.values()} == set(HEALTH)


def test_prometheus_is_pointed_at_the_same_port() -> None:
    _probes, scrape = FOR_OTHERS
    assert scrape["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:9180"]}]


def test_the_bounds_it_names_are_those_of_the_code() -> None:
    told = " ".join(SECTION.split())
    assert f"A request has {HEAD_S:g} s and {MAX_HEAD // 1024} KiB; of more than {MAX_OPEN} open connections" in told
    assert f"`{LISTEN_FAILED}`" in told
