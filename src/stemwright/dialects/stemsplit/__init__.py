"""The StemSplit API: what its official clients speak, under ``/api/v1``."""
