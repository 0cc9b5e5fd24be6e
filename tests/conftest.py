"""Fixtures that any test may ask for; each starts what it needs when it is first asked."""

pytest_plugins = ["support.postgres", "support.seaweedfs"]
