"""How the networks of `stemwright.analysis.rhythm` came to be; see ``fit_rhythm.py``."""
