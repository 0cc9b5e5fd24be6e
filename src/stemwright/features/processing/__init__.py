"""Tracks of the library separated, here or by lalal.ai."""
