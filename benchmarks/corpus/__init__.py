"""Songs the analysis benchmark composes, so that their tempo, beats, key and chords are known."""
