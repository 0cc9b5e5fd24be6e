"""Signed addresses: files are sent to them and had from them, without an account."""
