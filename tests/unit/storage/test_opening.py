from datetime import timedelta

import pytest

from stemwright.errors import OptionError, StorageError
from stemwright.kit.clock import utc_now
from stemwright.storage.local import LocalStorage
from stemwright.storage.opening import open_storage
from stemwright.storage.s3 import S3Storage
from stemwright.storage.signing import UrlSigner

SIGNER = UrlSigner(b"thirty-two bytes or more, for tests")


def _open(url, **options):
    return open_storage(url, signer=SIGNER, environ={}, **options)


def test_a_folder_is_made_with_the_folders_above_it(tmp_path):
    folder = tmp_path / "with space" / "objects"
    assert isinstance(_open(folder.as_uri()), LocalStorage)
    assert folder.is_dir()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory"):
        _open((tmp_path / "file" / "objects").as_uri())


def test_a_bucket_is_not_asked_for_before_it_is_used():
    assert isinstance(_open("s3://bucket/prefix?endpoint=http://127.0.0.1:1"), S3Storage)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("objects", "file:///"),
        ("ftp://host/x", "starts with ftp"),
        ("file://host/objects", "absolute folder"),
        ("s3:///prefix", "no bucket"),
        ("s3://key:secret@bucket", "no bucket"),
        ("s3://bucket?endpoints=x&secret_access_key=hidden", "no options endpoints; known"),
        ("s3://bucket?endpoint=host:9000", "endpoint is not"),
        ("s3://bucket?path_style=maybe", "path_style"),
        ("s3://bucket/../x", "prefix"),
    ],
)
def test_a_wrong_address_is_told_without_repeating_it(url, message):
    with pytest.raises(OptionError, match=message) as caught:
        _open(url)
    assert "hidden" not in str(caught.value)
    assert ":secret" not in str(caught.value)


def _signed(url, environ=None, **options):
    storage = open_storage(
        f"{url}{'&' if '?' in url else '?'}access_key_id=a&secret_access_key=b&region=eu-west-1",
        signer=SIGNER,
        environ=environ or {},
        **options,
    )
    soon = utc_now() + timedelta(hours=1)
    return storage.download_url("a/b.mp3", base_url="", expires_at=soon).partition("?")[0]


def test_a_server_of_ones_own_has_the_bucket_in_the_path():
    assert _signed("s3://bucket/p?endpoint=http://h:9000/") == "http://h:9000/bucket/p/a/b.mp3"


def test_the_bucket_may_stand_in_the_host_name():
    url = "s3://bucket?endpoint=https://h:9000&path_style=false"
    assert _signed(url) == "https://bucket.h:9000/a/b.mp3"


def test_without_an_endpoint_it_is_amazon():
    assert _signed("s3://bucket") == "https://bucket.s3.eu-west-1.amazonaws.com/a/b.mp3"


def test_the_endpoint_may_come_from_the_environment():
    environ = {"AWS_ENDPOINT_URL": "http://h:9000"}
    assert _signed("s3://bucket", environ) == "http://h:9000/bucket/a/b.mp3"


def test_clients_may_know_the_server_by_another_name():
    url = "s3://bucket?endpoint=http://inside:9000"
    assert _signed(url, public_endpoint="https://files.example") == (
        "https://files.example/bucket/a/b.mp3"
    )


def test_a_certificate_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(OptionError, match="STEMWRIGHT_CA_FILE"):
        _open("s3://bucket?endpoint=https://h", ca_file=tmp_path / "none.pem")
