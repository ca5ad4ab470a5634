"""Scenarios, by what is written. Each module lists its own as ``SCENARIOS``; nothing else needs to know."""
