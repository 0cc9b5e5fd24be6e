"""Stems edited and mixed down to one file, as a manifest says."""
