"""Reads an env file with systemd's own parser, as PID 1 does for ``EnvironmentFile=``, and prints entries NUL-ended.

Its functions are those of ``load_env_file()`` in systemd's src/basic/env-file.h and ``strv_env_clean()`` in env-util.h,
which the private library libsystemd-shared exports. Runs as a process of its own: what corrupts memory ends only that.
"""

from __future__ import annotations

import ctypes
import os
import sys

library, path = sys.argv[1:]
shared = ctypes.CDLL(library)
Strings = ctypes.POINTER(ctypes.c_char_p)
shared.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Strings)]
shared.load_env_file.restype = ctypes.c_int
shared.strv_env_clean_with_callback.argtypes = [Strings, ctypes.c_void_p, ctypes.c_void_p]
shared.strv_env_clean_with_callback.restype = Strings

entries = Strings()
failure = shared.load_env_file(None, os.fsencode(path), ctypes.byref(entries))
if failure < 0:
    sys.exit(f"load_env_file: {os.strerror(-failure)}")
if entries:
    entries = shared.strv_env_clean_with_callback(entries, None, None)  # what it takes for invalid it drops
    index = 0
    while (entry := entries[index]) is not None:
        sys.stdout.buffer.write(entry + b"\0")
        index += 1
