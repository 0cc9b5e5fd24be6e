"""Taking songs in for jobs: from an upload or a link, measured and paid for."""
