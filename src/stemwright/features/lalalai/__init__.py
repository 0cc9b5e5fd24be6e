"""Separation by lalal.ai, a paid service: the engine ``lalalai``."""
