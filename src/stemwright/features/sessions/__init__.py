"""Browsers that are logged in, and the links in messages that log them in."""
