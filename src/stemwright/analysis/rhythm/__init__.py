"""Tempo, beats and bars: what happens when, heard by `OnsetStream`, explained by `find_rhythm`."""

from .find import Rhythm, find_rhythm
from .judge import TempoCandidate
from .onset import Onsets, OnsetStream

__all__ = ["OnsetStream", "Onsets", "Rhythm", "TempoCandidate", "find_rhythm"]
