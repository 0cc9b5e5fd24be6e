"""HTTP faces: each parses, makes one call of a feature, and serialises; none has rules."""
