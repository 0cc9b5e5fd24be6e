"""What Spotify says of tracks, albums and playlists, and accounts linked with it."""
