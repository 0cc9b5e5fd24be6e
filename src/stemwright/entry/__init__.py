"""Composition roots: where settings, files, models and people are wired together."""
