"""Notes of a stem, and the MIDI file made of them. A caller names the module it needs."""
