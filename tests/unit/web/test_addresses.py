import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwright.errors import OptionError
from stemwright.web.addresses import AddressPolicy, is_public, parse_address

PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"]
REFUSED = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.80",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_open_internet_is_admitted(text):
    assert AddressPolicy().admits(parse_address(text))


@pytest.mark.parametrize("text", REFUSED)
def test_an_inner_address_is_refused_in_every_disguise(text):
    assert not AddressPolicy().admits(parse_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_ipv6(address):
    for prefix in ("::ffff:", "64:ff9b::"):
        assert is_public(parse_address(f"{prefix}{address}")) == is_public(address)


def test_a_network_the_operator_named_is_admitted_and_no_other():
    policy = AddressPolicy.parse(("192.168.1.0/24",))
    assert policy.admits(parse_address("192.168.1.9"))
    assert not policy.admits(parse_address("192.168.2.9"))


@pytest.mark.parametrize("text", REFUSED)
def test_all_admits_all(text):
    assert AddressPolicy.parse(("all",)).admits(parse_address(text))


def test_only_the_ports_of_the_web_are_open():
    policy = AddressPolicy()
    assert [port for port in (22, 80, 443, 6379) if policy.admits_port(port)] == [80, 443]


def test_a_misspelt_network_is_an_error():
    with pytest.raises(OptionError, match="ALLOW_PRIVATE_NETWORKS"):
        AddressPolicy.parse(("192.168.1.0/33",))
