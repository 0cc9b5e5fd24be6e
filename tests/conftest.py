"""Fixtures that any test may ask for; each starts what it needs when it is first asked."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["support.postgres", "support.seaweedfs"]

# Machines are shared and slow at times: how long an example takes says nothing about the code.
settings.register_profile("stemwright", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stemwright")
