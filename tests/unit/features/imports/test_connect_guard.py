"""Which connections the child may make; that it is asked at all is an integration test."""

import pytest

from stemwright.features.imports.connect_guard import _is_admitted
from stemwright.web.addresses import AddressPolicy

HOME = {("10.0.0.5", 8443)}


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        (("142.250.1.1", 443), True),
        (("2a00:1450::1", 443, 0, 0), True),
        (("142.250.1.1", 22), False),
        (("127.0.0.1", 443), False),
        (("::ffff:127.0.0.1", 443, 0, 0), False),
        (("169.254.169.254", 80), False),
        (("fe80::1%eth0", 80, 0, 2), False),
        (("10.0.0.5", 8443), True),
        (("10.0.0.5", 443), False),
        (("www.youtube.com", 443), False),
        ("/run/docker.sock", False),
        (b"\0abstract", False),
    ],
)
def test_only_public_addresses_and_the_places_named_are_admitted(address, admitted):
    assert _is_admitted(address, AddressPolicy(), HOME) == admitted
