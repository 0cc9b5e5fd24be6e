"""What the benchmarks share: songs, measured processes, the things compared, tables."""
