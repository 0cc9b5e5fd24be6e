"""What users take home: stems alone or in one archive, and what is known of a song."""
