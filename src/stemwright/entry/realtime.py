"""Sockets and streams of one API process: who may hear of jobs, and how that is ended."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Scope

from stemwright.db.announcements import Listener
from stemwright.dialects.soundforge.progress import Renderer
from stemwright.dialects.soundforge.socket import JobTopics, by_key, heard_by, unwelcome
from stemwright.dialects.soundforge.visits import Door as BrowserDoor
from stemwright.errors import NotLoggedIn
from stemwright.features.accounts.account import Principal
from stemwright.jobs.events import JobEvents
from stemwright.web.live import Evictions, LiveConnections
from stemwright.web.phoenix_door import Door, Origins
from stemwright.web.phoenix_socket import PhoenixSocket

from .composition import Service


@dataclass(frozen=True, slots=True)
class Realtime:
    """Everything that lasts longer than a request."""

    events: JobEvents
    live: LiveConnections
    evictions: Evictions
    listener: Listener
    topics: JobTopics
    socket: PhoenixSocket

    def start(self) -> None:
        """Hear what other processes announce, and look who may stay."""
        self.listener.start()
        self.evictions.start()

    def stop(self) -> None:
        """End all connections: the process is about to."""
        self.live.close()

    def close(self) -> None:
        """Watch nothing any more."""
        self.live.close()
        self.events.close()
        self.evictions.close()
        self.listener.close()


def open_realtime(service: Service, door: BrowserDoor) -> Realtime:
    """Wire it; nothing is watched before somebody asks."""
    settings, database, accounts = service.settings, service.database, service.accounts
    events, live = JobEvents(database), LiveConnections()
    sessions = service.library.sessions
    evictions = Evictions(live, unwelcome(accounts.refused_now, sessions.refused_now))
    topics = JobTopics(service.jobs, events, Renderer())
    admission = Door(
        by_key(accounts),
        by_session=lambda scope: _by_session(door, scope),
        origins=Origins(settings.socket_origins, any_with_token=settings.socket_any_origin),
        allow_anonymous=settings.socket_anonymous,
    )
    return Realtime(
        events,
        live,
        evictions,
        Listener(database.engine, heard_by(events, evictions)),
        topics,
        PhoenixSocket(admission, topics, live),
    )


def _by_session(door: BrowserDoor, scope: Scope) -> Principal | None:
    # a socket's opening is a GET request but for the name of its kind
    request = Request({**scope, "type": "http", "method": "GET"})
    try:
        return door.entrance(request).principal
    except NotLoggedIn:
        return None
