"""The library: tracks, their audio, stems and analyses."""
