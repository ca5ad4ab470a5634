"""Scenarios, by what is written. Each module lists its own as ``SCENARIOS``; nothing else is to be told of a new one."""
