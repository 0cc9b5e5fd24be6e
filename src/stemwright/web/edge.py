"""Everything between the server and the app, in the order in which a request meets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Scope

from .addresses import Network
from .bodies import MOST_BYTES, BodyLimit, Render, nothing
from .faults import Faults
from .forwarded import Forwarded
from .metrics import Metrics
from .observed import Observed
from .ratelimits import Identify, RateLimits
from .requests import PlainPaths, RequestIds
from .security import SecurityHeaders
from .windows import Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What an operator and the dialects decide about it."""

    metrics: Metrics
    windows: Windows
    windows_of: Callable[[Scope], Windows | None] = lambda _scope: None
    """Requests that are counted elsewhere than in ``windows``."""
    identify: Identify
    render: Render
    """Of rate and size limits and of slow bodies; of a defect, ``StemwrightError``."""
    unlimited: Callable[[Scope], bool] = nothing
    """Requests whose body may be large: uploads."""
    most_body_bytes: int = MOST_BYTES
    trusted_proxies: tuple[Network, ...] = ()
    public_url: str = ""


def wrap(app: ASGIApp, edge: Edge) -> ASGIApp:
    """Put the edge around an app, which must not redirect slashes itself.

    Around, and not among the framework's own middleware: what that answers for an unknown path or
    a defect gets its headers, limits and log line too.
    """
    app = BodyLimit(
        app, render=edge.render, most_bytes=edge.most_body_bytes, unlimited=edge.unlimited
    )
    app = Faults(app, render=edge.render)
    app = RateLimits(
        app,
        lambda scope: edge.windows_of(scope) or edge.windows,
        identify=edge.identify,
        render=edge.render,
        on_refused=edge.metrics.rate_limited,
    )
    app = PlainPaths(app)
    app = SecurityHeaders(app)
    app = Observed(app, edge.metrics)
    app = RequestIds(app)
    return Forwarded(app, trusted=edge.trusted_proxies, public_url=edge.public_url)
