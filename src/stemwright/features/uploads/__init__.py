"""Files that clients send before the job that uses them."""
