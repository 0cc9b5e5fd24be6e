"""The database as commands open it, and what they say when they cannot."""

import os
import stat
import subprocess
import sys

import pytest

from stemwright.entry.opening import open_database
from stemwright.errors import DatabaseUnavailable
from stemwright.settings import Settings


def load(folder, **environ):
    return Settings.load({"STEMWRIGHT_DATA_DIR": str(folder)} | environ)


def test_nobody_else_may_read_a_database_in_the_data_folder(tmp_path):
    open_database(load(tmp_path / "new" / "data")).close()
    folder = tmp_path / "new" / "data"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "stemwright.sqlite3")]
    assert modes == [0o700, 0o600]


def test_the_tables_are_there_and_opening_again_changes_nothing(tmp_path):
    for _ in range(2):
        database = open_database(load(tmp_path))
        with database.reading() as session:
            found = session.connection().exec_driver_sql("SELECT count(*) FROM users").scalar_one()
        database.close()
    assert found == 0


def test_the_database_of_the_settings_is_taken(tmp_path, postgres_url):
    database = open_database(load(tmp_path, STEMWRIGHT_DATABASE_URL=postgres_url))
    database.close()
    assert (database.is_sqlite, list(tmp_path.iterdir())) == (False, [])


def test_a_data_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match=r"Not a directory.*STEMWRIGHT_DATA_DIR"):
        open_database(load(tmp_path / "file" / "data"))


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path):
    (tmp_path / "stemwright.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseUnavailable, match="file is not a database"):
        open_database(load(tmp_path))


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path):
    url = "postgresql://ada:hush@127.0.0.1:1/stems"
    with pytest.raises(DatabaseUnavailable, match="refused") as error:
        open_database(load(tmp_path, STEMWRIGHT_DATABASE_URL=url))
    assert ("127.0.0.1:1/stems" in error.value.message, "hush" in error.value.message) == (
        True,
        False,
    )


@pytest.mark.parametrize("missing", ["sqlalchemy", "alembic", "argon2"])
@pytest.mark.parametrize(
    "arguments", [["keys", "list"], ["users", "list"], ["credits", "show", "local@localhost"]]
)
def test_without_the_packages_of_the_service_it_is_said_what_to_install(
    tmp_path, arguments, missing
):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from stemwright.entry.cli import main; main(sys.argv[1:])"
    )
    environ = os.environ | {"STEMWRIGHT_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=False,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 11
    assert f"{missing} is not installed: pip install 'stemwright[service]'" in done.stderr


def test_help_pays_for_no_database():
    script = (
        "import sys\nfrom stemwright.entry import cli\n"
        "cli._run(['keys', '--help'], cli.Wiring())\n"
        "sys.exit(bool({'sqlalchemy', 'alembic', 'argon2'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode
        == 0
    )
