"""The Sound Forge API: JSON over HTTP, and channels over sockets."""
