"""What is on disk, how old it is, and why: derived from outcomes, kept as ``status.json``, read by `status`."""

from config_sync.status.board import Board, Linked, TargetStatus
from config_sync.status.page import StatusPage, render
from config_sync.status.state import State

__all__ = ["Board", "Linked", "State", "StatusPage", "TargetStatus", "render"]
