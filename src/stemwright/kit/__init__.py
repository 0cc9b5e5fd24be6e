"""Knows no domain: time, files, hashes."""
