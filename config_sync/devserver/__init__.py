"""The embedded Config Service, for development, demos and tests: a folder of JSON and YAML files behind the protocol.

`folder` turns files into versioned configs and knows no HTTP; `documents` reads one file; `hub` hands changes to open
streams; `rendering` writes the plain-text formats; `app` has the routes; `serving` runs them beside the watch over the
folder; `server` starts and stops it all. starlette and uvicorn (the extra ``serve``) are imported by `app` and
`serving`, which `server` imports when it starts a service.
"""
