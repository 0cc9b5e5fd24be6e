import pytest

from stemwright.web.metrics import Metrics, QueueLength
from support.repository import read, table_rows


def _samples(metrics):
    lines = metrics.text()[0].decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


@pytest.fixture
def metrics():
    return Metrics("1.2.3")


def test_what_jobs_took_is_counted_by_kind_status_and_phase(metrics):
    metrics.job_ended("stems", "completed", {"fetching": 0.2, "separating": 30.0}, 6.5)
    metrics.job_ended("stems", "failed", {"fetching": 1.0}, None)

    samples = _samples(metrics)
    assert samples['stemwright_jobs_ended_total{kind="stems",status="completed"}'] == "1.0"
    assert samples['stemwright_jobs_ended_total{kind="stems",status="failed"}'] == "1.0"
    phase = 'stemwright_job_phase_seconds_{}{{kind="stems",phase="fetching"}}'
    assert (samples[phase.format("count")], samples[phase.format("sum")]) == ("2.0", "1.2")
    assert samples['stemwright_job_realtime_factor_sum{kind="stems"}'] == "6.5"


def test_the_queue_is_asked_at_every_reading_and_not_before(metrics):
    asked = []

    def lengths():
        asked.append(1)
        return [QueueLength("stems", "queued", jobs=len(asked), oldest_s=4.5)]

    metrics.watch_queue(lengths)
    assert asked == []
    _samples(metrics)
    samples = _samples(metrics)
    assert samples['stemwright_jobs{kind="stems",status="queued"}'] == "2.0"
    assert samples['stemwright_jobs_oldest_seconds{kind="stems",status="queued"}'] == "4.5"


def test_a_queue_that_cannot_be_asked_hides_nothing_else(metrics):
    def lengths():
        raise ConnectionError

    metrics.watch_queue(lengths)
    metrics.webhook_attempted("timeout")
    samples = _samples(metrics)
    assert samples['stemwright_webhook_attempts_total{outcome="timeout"}'] == "1.0"
    assert not any(name.startswith("stemwright_jobs{") for name in samples)


def test_models_are_counted_by_the_processes_that_hold_them(metrics):
    for resident in (True, True, False):
        metrics.model_resident("htdemucs", resident)
    assert _samples(metrics)['stemwright_model_resident{model="htdemucs"}'] == "1.0"


def test_version_and_process_are_told(metrics):
    samples = _samples(metrics)
    assert samples['stemwright_info{version="1.2.3"}'] == "1.0"
    assert float(samples["process_resident_memory_bytes"]) > 0


def test_each_has_figures_of_its_own(metrics):
    metrics.rate_limited()
    assert _samples(Metrics())["stemwright_http_rate_limited_total"] == "0.0"


def test_the_form_asked_for_is_given(metrics):
    assert metrics.text()[1].startswith("text/plain")
    assert metrics.text("application/openmetrics-text; version=1.0.0")[1].startswith(
        "application/openmetrics-text"
    )


def test_open_connections_are_counted_when_somebody_asks(metrics):
    metrics.watch_connections(lambda: 3)

    assert b"stemwright_connections 3.0" in metrics.text()[0]


def test_every_metric_is_in_the_reference(metrics):
    metrics.watch_queue(list)
    families = [name for name in _families(metrics) if not name.endswith("_created")]
    ours = {name for name in families if name.startswith("stemwright_")}
    documented = {row[0] for row in table_rows(read("docs/reference/operating.md"))}
    assert ours - documented == set()


def _families(metrics):
    lines = metrics.text()[0].decode().splitlines()
    return [line.split()[2] for line in lines if line.startswith("# TYPE")]
