"""Torch-free separation: arrays in, arrays out. Knows no HTTP, SQL or settings."""
