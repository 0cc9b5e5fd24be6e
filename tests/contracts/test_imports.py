"""Importing is cheap: the command line answers before anything heavy is loaded."""

import os
import subprocess
import sys

import pytest

HEAVY = {"av", "httpx", "lameenc", "numpy", "onnxruntime", "openvino", "soundfile", "soxr", "torch"}


def loaded_after(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["stemwright", "stemwright.errors", "stemwright.entry.cli"])
def test_importing_loads_nothing_heavy(module):
    assert loaded_after(f"import {module}") & HEAVY == set()


@pytest.mark.parametrize("module", ["entry.web", "dialects.soundforge.models_pages"])
def test_the_service_leaves_audio_and_networks_to_its_children(module):
    assert loaded_after(f"import stemwright.{module}") & (HEAVY - {"httpx"}) == set()


def test_the_runtime_is_loaded_without_its_telemetry_and_starts_no_process():
    code = (
        "import os, stemwright.engine.runtimes.openvino, sys; "
        "children = open(f'/proc/self/task/{os.getpid()}/children').read(); "
        "print([name for name in sys.modules if 'telemetry' in name or '.ovc' in name], children)"
    )
    outside_ci = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=outside_ci
    )
    assert done.stdout.split() == ["[]"]
