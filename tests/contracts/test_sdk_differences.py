"""Every difference between the two SDKs is there, on both sides: if the published one changes, this says so."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.contracts.sdk_differences import DIFFERENCES, Difference
from tests.contracts.sdk_watch_differences import WATCH_DIFFERENCES

ALL = (*DIFFERENCES, *WATCH_DIFFERENCES)

each = pytest.mark.parametrize("difference", ALL, ids=[one.name for one in ALL])


@each
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_published_sdk_does_as_listed(difference: Difference) -> None:
    """Its warnings are its own: it leaves connections open."""
    assert difference.play(import_module("config_client")) == difference.published


@each
def test_ours_does_as_listed(difference: Difference) -> None:
    assert difference.play(import_module("config_sync")) == difference.ours
    assert difference.published != difference.ours
    assert difference.reason
