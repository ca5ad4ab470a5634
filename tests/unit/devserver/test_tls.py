"""The embedded service over TLS: what it shows, and what it refuses before it listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from config_sync.devserver.server import start
from config_sync.devserver.tls import TlsPair
from config_sync.errors import UsageError
from tests.certificates import encrypted
from tests.program import home_at
from tests.service import KEY, TOKEN, serve_process, write_config


def pair_in(directory: Path, authority: trustme.CA) -> TlsPair:
    """A pair for 127.0.0.1, as two files."""
    leaf = authority.issue_cert("127.0.0.1")
    cert, key = directory / "tls.crt", directory / "tls.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return TlsPair(str(cert), str(key))


def test_a_client_that_trusts_its_authority_gets_its_file(tmp_path: Path, configs: Path) -> None:
    authority = trustme.CA()
    pair = pair_in(tmp_path, authority)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    write_config(configs, "app", {"a": 1})
    secrets = {"CONFIG_SERVICE_TOKEN": TOKEN, "CONFIG_SERVICE_KEY": KEY}
    with serve_process(configs, "--tls", pair.cert_file, pair.key_file, env=secrets) as served:
        assert served.url.startswith("https://127.0.0.1:")
        words = ("once", "--file", f"app={tmp_path}/app.json", "--retry-for", "0s", "--ca-file")
        done = [
            subprocess.run(
                [sys.executable, "-m", "config_sync", *words, str(trusted)],
                env=home_at(tmp_path / "h", served.url).environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            for trusted in (ca_file, pair_in(tmp_path, trustme.CA()).cert_file)
        ]
    assert [one.returncode for one in done] == [0, 6], done[0].stderr
    assert (tmp_path / "app.json").read_text() == '{"a": 1}'


@pytest.mark.parametrize("which", ["missing", "no pair", "password"])
def test_what_is_no_pair_is_refused_in_one_sentence(tmp_path: Path, configs: Path, which: str) -> None:
    pair = pair_in(tmp_path, trustme.CA())
    if which == "missing":
        Path(pair.key_file).unlink()
    elif which == "no pair":
        Path(pair.key_file).write_text("hello")
    else:
        Path(pair.key_file).write_bytes(encrypted(trustme.CA().issue_cert("127.0.0.1")))
    with pytest.raises(UsageError, match=r"cannot be served: (No such file|no pair in PEM form)"):
        start(configs, tls=pair)
