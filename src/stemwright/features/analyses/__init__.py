"""Tracks of the library analysed."""
