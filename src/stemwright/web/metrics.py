"""What is measured for operators, and how Prometheus reads it. Names are those of its customs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from stemwright.kit import logs

_HTTP_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_PHASE_S: Final = (0.1, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1800, 3600)
_REALTIME: Final = (0.1, 0.25, 0.5, 1, 2, 4, 6, 8, 12, 16, 24, 32, 64)
_log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QueueLength:
    """Jobs of one kind in one state, and how long the oldest of them has been there."""

    kind: str
    status: str
    jobs: int
    oldest_s: float


class Metrics:
    """Everything measured in one process. Threads share it; nothing of it is global."""

    def __init__(self, version: str = "unknown") -> None:
        registry = self._registry = CollectorRegistry()
        Info("stemwright", "What runs here.", registry=registry).info({"version": version})
        self._requests = Histogram(
            "stemwright_http_request_seconds",
            "Time from a request's first byte to the last of its answer.",
            ("route", "method", "status"),
            buckets=_HTTP_S,
            registry=registry,
        )
        self._in_flight = Gauge(
            "stemwright_http_requests_in_flight", "Requests being answered.", registry=registry
        )
        self._limited = Counter(
            "stemwright_http_rate_limited", "Requests answered with 429.", registry=registry
        )
        self._jobs = Counter(
            "stemwright_jobs_ended", "Jobs that ended.", ("kind", "status"), registry=registry
        )
        self._phases = Histogram(
            "stemwright_job_phase_seconds",
            "Time a job spent in one phase.",
            ("kind", "phase"),
            buckets=_PHASE_S,
            registry=registry,
        )
        self._realtime = Histogram(
            "stemwright_job_realtime_factor",
            "Seconds of audio a second of work.",
            ("kind",),
            buckets=_REALTIME,
            registry=registry,
        )
        self._resident = Gauge(
            "stemwright_model_resident",
            "Processes that hold the model in memory.",
            ("model",),
            registry=registry,
        )
        self._connections = Gauge(
            "stemwright_connections", "Open sockets and streams of events.", registry=registry
        )
        self._webhooks = Counter(
            "stemwright_webhook_attempts",
            "Attempts to deliver a webhook.",
            ("outcome",),
            registry=registry,
        )
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def request_ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, method, str(status)).observe(seconds)

    @contextmanager
    def request_in_flight(self) -> Iterator[None]:
        """Count a request as long as it is being answered."""
        with self._in_flight.track_inprogress():
            yield

    def rate_limited(self) -> None:
        """Count a request refused for its caller's rate."""
        self._limited.inc()

    def job_ended(
        self,
        kind: str,
        status: str,
        seconds_by_phase: Mapping[str, float],
        realtime_factor: float | None,
    ) -> None:
        """Count a job that ended and what its phases took; without a factor if nothing was done."""
        self._jobs.labels(kind, status).inc()
        for phase, seconds in seconds_by_phase.items():
            self._phases.labels(kind, phase).observe(seconds)
        if realtime_factor is not None:
            self._realtime.labels(kind).observe(realtime_factor)

    def webhook_attempted(self, outcome: str) -> None:
        """Count an attempt by what came of it, such as ``delivered`` or ``timeout``."""
        self._webhooks.labels(outcome).inc()

    def model_resident(self, name: str, resident: bool) -> None:
        """Note that one process more, or one less, holds the model."""
        gauge = self._resident.labels(name)
        gauge.inc() if resident else gauge.dec()

    def watch_queue(self, lengths: Callable[[], Iterable[QueueLength]]) -> None:
        """Ask for the queue's lengths at every reading."""
        self._registry.register(_Queue(lengths))

    def watch_connections(self, count: Callable[[], int]) -> None:
        """Ask for the number of lasting connections at every reading."""
        self._connections.set_function(count)

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Everything measured, in the form asked for, and that form's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Queue(Collector):
    def __init__(self, lengths: Callable[[], Iterable[QueueLength]]) -> None:
        self._lengths = lengths

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not query."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Query and tell; what cannot be had now does not hide the rest."""
        jobs = GaugeMetricFamily("stemwright_jobs", "Jobs by state.", labels=("kind", "status"))
        age = GaugeMetricFamily(
            "stemwright_jobs_oldest_seconds",
            "How long the oldest of these jobs has been in this state.",
            labels=("kind", "status"),
        )
        try:
            lengths = list(self._lengths())
        except Exception:  # noqa: BLE001  # whatever the database says: a reading is an edge
            _log.warning("metrics.queue_unknown", exc_info=True)
            return ()
        for length in lengths:
            jobs.add_metric((length.kind, length.status), length.jobs)
            age.add_metric((length.kind, length.status), length.oldest_s)
        return (jobs, age)
