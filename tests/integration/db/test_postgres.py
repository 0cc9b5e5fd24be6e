"""The test server itself: what the other tests take for granted."""

import psycopg

from stemwright.db.database import Database


def test_every_database_asked_for_is_empty_and_another(postgres):
    first, second = postgres.fresh_url(), postgres.fresh_url()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE seen (id int)")
    with psycopg.connect(second) as connection:
        found = connection.execute("SELECT to_regclass('seen')").fetchone()
    assert (first == second, found) == (False, (None,))


def test_a_database_opens_on_the_address(postgres_url):
    database = Database(postgres_url)
    with database.transaction() as session:
        version = session.connection().exec_driver_sql("SHOW server_version_num").scalar_one()
    database.close()
    assert int(version) >= 120_000
