"""Recordings without their noise."""
