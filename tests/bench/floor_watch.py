"""The floor of an event's way: one stream by http.client, and the work of `floor_once` at each event. URL NAME PATH."""

from __future__ import annotations

import os
import sys

from tests.bench.floor_once import open_connection, sync


def main(host: str, name: str, path: str) -> None:
    """Until killed: no debounce, no record, no reconnect."""
    stream, fetches = open_connection(host, None), open_connection(host, None)
    stream.timeout = None
    headers = {"X-Service-Token": os.environ["CONFIG_SERVICE_TOKEN"], "Accept": "text/event-stream"}
    stream.request("GET", f"/api/v1/service/configs/{name}/watch", headers=headers)
    response = stream.getresponse()
    sync(fetches, name, path)
    while line := response.readline():
        if line.startswith(b"data:"):
            sync(fetches, name, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
