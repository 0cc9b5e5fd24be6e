"""Signed HTTP calls to a user's own server when a job has ended."""
