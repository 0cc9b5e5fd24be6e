import pytest

from stemwright.entry.composition import compose
from stemwright.settings import Settings


@pytest.fixture
def service(tmp_path):
    """Everything wired, on a folder of its own; nothing of it runs."""
    environ = {"HOME": str(tmp_path), "STEMWRIGHT_DATA_DIR": str(tmp_path / "data")}
    service = compose(Settings.load(environ))
    yield service
    service.close()
