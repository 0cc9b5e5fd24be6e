from support.song_job_fixtures import (  # noqa: F401  # pytest finds them by their names here
    account,
    odd,
    site,
    song,
    songs,
)
