from support.library_fixtures import (  # noqa: F401  # pytest finds them by their names here
    account,
    lalalai,
    library,
    site,
    song,
    spotify,
    time,
)
