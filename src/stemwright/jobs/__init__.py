"""Durable jobs: rows a user sees, run by an engine that survives any process."""
