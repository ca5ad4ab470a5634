"""HTTP under the rules that the Config Service needs; the only package that imports httpx or its engine httpcore.

* `fetching`: one request with a deadline, a size cap and a stop. Synchronous.
* `streaming`: one endless response as an async iterator of bytes. It imports httpx; `fetching` does not.
* `wire`: the sockets under `fetching`; `connecting` makes them, `exchange` bounds every wait on them.
* `tls`: the one TLS context that all of them share. `failures`: foreign exceptions in our words.

Why fetches stand on httpcore itself: only it takes a network backend. With one of our own, *every* wait (look-up,
connect, handshake, read, write) is a `poll` on the socket beside the stop, bounded by the one deadline. Per-read
timeouts are outlived by a byte every half second, `Client.close` wakes nobody, and a socket that is still connecting or
shaking hands cannot be shut down from outside, since the library has not shown it to anyone yet. What httpx.Client adds
(cookies, redirects, decoding, environment proxies) is all switched off here anyway; and its import brings a command
line along where click and rich are installed (beside structlog, 25 ms of a run of `once` here; 6 ms without them).
"""
