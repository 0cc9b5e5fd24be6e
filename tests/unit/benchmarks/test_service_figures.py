"""The service benchmark's own arithmetic: percentiles, roles of processes, moments, tables."""

from datetime import UTC, datetime, timedelta

import pytest

import bench_service
from harness.footprint import role_of, sizes
from harness.latencies import Latencies, percentile, spread_percent
from service_parts import loaded, started_after

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seconds(count):
    return timedelta(seconds=count)


def test_a_percentile_is_a_value_that_was_measured():
    hundred = [float(number) for number in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2.0


def test_latencies_are_in_milliseconds_whatever_the_order():
    found = Latencies.of([0.3, 0.1, 0.2])
    assert found.plain() == {"count": 3, "p50": 200.0, "p95": 300.0, "p99": 300.0, "most": 300.0}


def test_spread_is_the_range_in_percent_of_the_median():
    assert spread_percent([9.0, 10.0, 12.0], 10.0) == 30.0


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("python -m stemwright serve", "server"),
        ("/somewhere/bin/stemwright worker", "worker"),
        ("python -m stemwright.entry.child 10 0", "separation child"),
        ("python -m stemwright.entry.child 10 2000", "probe child"),
        ("python -m stemwright.features.imports.extractor", "media child"),
        ("sleep 5", "sleep 5"),
    ],
)
def test_processes_of_the_service_are_known_by_their_command_lines(command, role):
    assert role_of([*command.split(), ""]) == role


def test_sizes_are_read_in_bytes():
    rollup = "55d0-7ffe ---p 00000000 00:00 0  [rollup]\nRss:   2048 kB\nPss:      3 kB\n"
    assert sizes(rollup) == {"Rss": 2_097_152, "Pss": 3_072}


def test_work_starts_as_long_after_its_order_as_the_server_says():
    sent = {"job_1": (NOON, NOON + seconds(0.05))}
    moments = {"job_1": (NOON + seconds(0.04), NOON + seconds(0.1))}
    found = started_after(sent, moments)
    assert {name: it["p50"] for name, it in found.items()} == {
        "POST /jobs answered": 50.0,
        "created to started": 60.0,
        "POST sent to started": 100.0,
    }


def test_runs_of_a_load_are_summed_up_together_with_what_sets_them_apart():
    runs = [
        {"times_s": [0.01] * 10, "failures": [], "seconds": 1.0},
        {"times_s": [0.03] * 10, "failures": ["refused"], "seconds": 3.0},
    ]
    found = loaded(runs)
    assert found["count"] == 20
    assert found["p50"] == 10.0
    assert found["p95"] == 30.0
    assert found["p95_of_runs"] == [10.0, 30.0]
    assert found["per_second"] == 5.0
    assert found["errors"] == 1


def test_every_figure_has_a_place_in_a_table():
    latencies = Latencies.of([0.01]).plain()
    repeated = {"median_s": 1.0, "spread_percent": 0.0, "seconds": [1.0]}
    held = {"processes": {"server": [150, 120]}, "pss_mb": 120}
    figures = {
        "start": {"exec to health": repeated},
        "song": {"API, warm": repeated, "ratio": 1.05},
        "create": {"created to started": latencies},
        "reads": {"idle, unbounded": {**latencies, "per_second": 100.0, "errors": 0}},
        "many": {
            "jobs": 2,
            "create": {"seconds": 1.0, **latencies},
            "page": {"seconds": 1.0, **latencies},
            "cancel": {"seconds": 1.0, "cancelled": 2},
            "next_started_s": 0.1,
            **dict.fromkeys(("not_created", "not_listed", "not_cancelled"), 0),
        },
        "memory": {"idle": {**held, "cpu_percent": 2.5}, "at work": held},
    }
    drawn = bench_service.tables(figures)
    assert len(drawn) == len(figures)
    for _, columns, rows in drawn:
        assert rows
        assert all(len(row) == len(columns) for row in rows)
