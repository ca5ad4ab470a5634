"""What the health and metrics server shows of the agent: put together here, looked up at each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from config_sync import __version__
from config_sync.agent.control import Answer
from config_sync.clock import Clock
from config_sync.errors import Exit
from config_sync.status import Board, StatusPage
from config_sync.status.exposition import CONTENT_TYPE, exposition
from config_sync.status.gauges import StreamSeen, gauges
from config_sync.status.meters import METERS
from config_sync.triggers.stream_state import StreamState, StreamWord
from config_sync.webserver.answers import Page, Site


def site_of(
    board: Board,
    page: StatusPage,
    streams: Callable[[], Mapping[str, StreamState]],
    health: Callable[[str], Answer],
    clock: Clock,
) -> Site:
    """`streams` gives the state of every subscription by config; `health` answers as the control socket does."""

    def well(kind: str) -> tuple[bool, str]:
        said = health(kind)
        return said["exit_code"] == Exit.DONE, str(said["message"])

    def metrics() -> str:
        statuses = board.statuses()
        seen = {
            config: StreamSeen(state.word is StreamWord.LIVE, state.last_byte_at) for config, state in streams().items()
        }
        # What the settings no longer name goes when somebody looks: nobody else would miss it.
        METERS.keep(targets={one.target.name for one in statuses}, configs=set(seen))
        return exposition(METERS, gauges(statuses, seen))

    def html() -> Page:
        from config_sync.webserver.page import status_page  # with the first look at it

        return status_page(board.statuses(), board.links(), host=page.host, version=__version__, now=clock.now())

    return Site(health=well, metrics=metrics, status=page.content, page=html, metrics_type=CONTENT_TYPE)
