"""Tuning, pitch classes, key and chords of a song, from one pass of a long-window STFT.

Nothing is imported here: a caller names the module it needs.
"""
