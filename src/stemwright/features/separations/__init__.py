"""From songs on disk to stems on disk."""
