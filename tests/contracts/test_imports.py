"""Importing is cheap: the command line answers before anything heavy is loaded."""

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
