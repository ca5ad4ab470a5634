"""Containers on a real OCI runtime: runc, over an overlay of ``/``. No registry, no engine."""
