"""Audio files in and out: arrays on one side, every common format on the other.

Nothing is imported here on purpose: decoders cost tens of milliseconds to load, so callers name the
module they need (``audio.decode``, ``audio.encode``, ``audio.resample``, ``audio.channels``).
"""
