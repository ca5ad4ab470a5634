"""A private CA and servers' certificates of it: right, for another name, expired, not valid yet."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
import trustme

from tests.certificates import served

_NOW = datetime.datetime.now(datetime.UTC)
_DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def good_tls(authority: trustme.CA) -> ssl.SSLContext:
    return served(authority.issue_cert("localhost"))


@pytest.fixture(scope="session")
def other_name_tls(authority: trustme.CA) -> ssl.SSLContext:
    return served(authority.issue_cert("elsewhere.example"))


@pytest.fixture(scope="session")
def expired_tls(authority: trustme.CA) -> ssl.SSLContext:
    return served(authority.issue_cert("localhost", not_before=_NOW - 9 * _DAY, not_after=_NOW - _DAY))


@pytest.fixture(scope="session")
def future_tls(authority: trustme.CA) -> ssl.SSLContext:
    return served(authority.issue_cert("localhost", not_before=_NOW + _DAY, not_after=_NOW + 9 * _DAY))
