"""Songs that come from somewhere else: direct links, YouTube, SoundCloud."""
