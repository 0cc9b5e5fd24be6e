"""One file per network architecture, each written once for every runtime."""
