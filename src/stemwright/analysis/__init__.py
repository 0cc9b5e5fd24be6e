"""What a song is made of: arrays in, frozen results out. Knows no HTTP, SQL, settings or models."""
