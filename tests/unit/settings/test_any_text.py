"""Whatever the file holds: it loads, or it is refused as settings. Nothing else ever comes out."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config_sync.errors import SettingsError
from config_sync.settings import load
from config_sync.settings.agent import AGENT
from config_sync.settings.file import FILE
from config_sync.settings.root import ROOT
from config_sync.settings.service import SERVICE
from config_sync.settings.target import TARGET

KEYS = [
    *sorted({one.key for table in (ROOT, SERVICE, AGENT, TARGET, FILE) for one in table}),
    "first", "max", "min", "level", "systemd", "signal", "pidfile", "command", "shell", "env", "file", "credential",
    "timeout", "in_place", "source", "dialect", "<<", "a", "http",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["/srv/a.json", "//srv/./a.json", "0640", "u=rw", "5s", "1MiB", "${X}", "${X:-/y}", "$${", "{file}", "{dir}",
         "https://h", "http://h", "HUP", "root", "..", "/", "\0", "restore", "auto", "a.service", "yaml", "-"]
    ),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=20,
)
ROOTS = st.fixed_dictionaries(
    {},
    optional={
        "service": TREES,
        "agent": TREES,
        "defaults": TREES,
        "targets": st.dictionaries(
            st.text(max_size=4),
            st.fixed_dictionaries(
                {"files": st.lists(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=4), max_size=3)},
                optional={"reload": TREES, "validate": TREES, "debounce": TREES},
            ),
            max_size=3,
        ),
    },
)


def load_bytes(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "settings.yaml"
        path.write_bytes(content)
        for needs_service in (True, False):
            with contextlib.suppress(SettingsError):
                load(str(path), environ={"X": "x"}, needs_service=needs_service)


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_load_or_are_refused(content: bytes) -> None:
    load_bytes(content)


@given(st.text("ab: -[]{}&*!|>'\"%@`#,?\n\t<~0123456789.$_", max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_made_of_yaml_s_own_characters_loads_or_is_refused(text: str) -> None:
    load_bytes(text.encode())


@given(ROOTS)
@settings(max_examples=120, deadline=None)
def test_any_tree_of_known_keys_loads_or_is_refused(tree: dict[str, object]) -> None:
    load_bytes(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))
