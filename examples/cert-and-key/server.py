#!/usr/bin/env python3
"""A TLS server that reads its certificate and key at its start and again on SIGHUP.

Usage: server.py DIRECTORY PORT PIDFILE. It opens `..data` once, so that both files are of one set.
"""

import os
import signal
import socket
import ssl
import sys


def context_of(directory: str) -> ssl.SSLContext:
    """The pair that is there now. The two names are looked up in one set, whatever is switched meanwhile."""
    shown = os.open(f"{directory}/..data", os.O_RDONLY | os.O_DIRECTORY)
    try:
        here = f"/proc/self/fd/{shown}"
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(f"{here}/tls.crt", f"{here}/tls.key")
        return context
    finally:
        os.close(shown)


def main(directory: str, port: int, pidfile: str) -> None:
    """Until TERM: one line for each that connects."""
    current = [context_of(directory)]

    def read_again(_number: int, _frame: object) -> None:
        current[0] = context_of(directory)

    # Before anybody can know the pid: a HUP that came earlier would end the program.
    signal.signal(signal.SIGHUP, read_again)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    with socket.create_server(("127.0.0.1", port)) as server:
        with open(pidfile, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(5)
                try:
                    with current[0].wrap_socket(connection, server_side=True) as secured:
                        secured.sendall(b"hello\n")
                except OSError:
                    continue


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
