"""The client for outgoing requests, as the settings have it."""

import pytest

from stemwright.entry.fetching import open_client
from stemwright.errors import OptionError
from stemwright.settings import Settings


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_told_at_the_start(tmp_path, content):
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    settings = Settings.load({"HOME": str(tmp_path), "STEMWRIGHT_CA_FILE": str(path)})

    with pytest.raises(OptionError, match=r"STEMWRIGHT_CA_FILE: .*authorities\.pem"):
        open_client(settings)
