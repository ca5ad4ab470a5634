"""``config-sync exec``: real applications behind the real program."""
