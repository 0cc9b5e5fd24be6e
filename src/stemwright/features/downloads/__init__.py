"""Songs brought into the library: found, fetched, encoded and tagged."""
