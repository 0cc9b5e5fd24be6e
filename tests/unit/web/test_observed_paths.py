import pytest

from stemwright.web.observed import _path


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        (b"/users/log-in/abc-DEF", "/users/log-in/***"),
        (b"/users/log-in/a/b?c=d", "/users/log-in/***"),
        (b"/users/settings/confirm-email/abc", "/users/settings/confirm-email/***"),
        (b"/users/log-in", "/users/log-in"),
        (b"/users/settings", "/users/settings"),
        (b"//users//log-in//abc", "//users//log-in//***"),
        (b"/users/log_in/abc", "/users/log_in/***"),
        (b"/users/log%2Din/abc", "/users/log%2Din/***"),
    ],
)
def test_links_from_messages_are_not_written_down(sent, written):
    assert _path({"raw_path": sent, "path": "/"}) == written
