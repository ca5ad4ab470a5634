"""config-sync: centrally kept, encrypted configs as files that ordinary programs read."""

__version__ = "0.1.0"
