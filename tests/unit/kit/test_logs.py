import io
import json
import logging
import threading

import pytest

from stemwright.kit import logs

NEEDLE = "Zq7hunterZq7hunterZq7hunterZq7hunter"
KEY = f"sk_live_{NEEDLE}"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def logging_left_as_it_was():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def written(stream):
    logs.configure("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_fields(written):
    logs.get_logger("stemwright.jobs").info("job.ended", kind="stems", seconds=1.5)

    (line,) = written()
    assert list(line)[:4] == ["timestamp", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == (
        "info",
        "stemwright.jobs",
        "job.ended",
    )
    assert (line["kind"], line["seconds"]) == ("stems", 1.5)
    assert line["timestamp"].endswith("Z")


def test_libraries_log_the_same_way(written):
    logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "http://x:1", extra={"n": 1})

    (line,) = written()
    assert line["event"] == "Uvicorn running on http://x:1"
    assert (line["logger"], line["n"]) == ("uvicorn.error", 1)


def test_context_stands_on_every_line_inside_and_on_none_after(written):
    with logs.context(job_id="job_1", attempt=2):
        logs.get_logger("a").info("inside")
        logging.getLogger("b").info("inside too")
    logs.get_logger("a").info("after")

    inside, too, after = written()
    assert inside["job_id"] == too["job_id"] == "job_1"
    assert "job_id" not in after


def test_threads_do_not_share_context(written):
    def work():
        logs.get_logger("a").info("elsewhere")

    with logs.context(job_id="job_1"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "job_id" not in written()[0]


def test_below_the_level_nothing_is_written(stream):
    logs.configure("json", "warning", stream)
    logs.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")
    logs.get_logger("a").warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_people_get_text_on_a_terminal_and_machines_get_json():
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        logs.configure("auto", "info", stream)
        logs.get_logger("a").info("hello", who="ada")
    assert "hello" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert json.loads(pipe.getvalue())["who"] == "ada"


def test_configuring_again_replaces_and_does_not_double(stream, written):
    logs.configure("json", "info", stream)
    logs.get_logger("a").info("once")
    assert len(written()) == 1


def test_clients_that_log_whole_addresses_are_kept_quiet(written):
    logging.getLogger("httpx").info("HTTP Request: GET https://b.example/?sig=1")
    logging.getLogger("uvicorn.access").info("GET /?token=1")
    assert written() == []


def test_the_job_engine_gets_no_handler_of_its_own(written):
    from dbos._logger import init_logger

    init_logger()
    logging.getLogger("dbos").warning("launched")
    assert [line["event"] for line in written()] == ["launched"]


def _fail():
    raise RuntimeError(f"refused: Authorization: Bearer {NEEDLE}")


LEAKS = {
    "in the event": lambda log: log.info(KEY),
    "in a field": lambda log: log.info("x", url=f"https://b/k?X-Amz-Signature={NEEDLE}"),
    "by name": lambda log: log.info("x", metrics_token=f"a {NEEDLE}"),
    "nested": lambda log: log.info("x", headers={"authorization": f"Bearer {NEEDLE}"}),
    "in a list": lambda log: log.info("x", headers=[(b"cookie", f"session={NEEDLE}".encode())]),
    "in an object": lambda log: log.info("x", error=ValueError(f"whsec_{NEEDLE}")),
    "from a library": lambda _: logging.getLogger("b").info("to %s", f"redis://:{NEEDLE}@h"),
    "in a library's extra": lambda _: logging.getLogger("b").info(
        "x", extra={"pw": f"password={NEEDLE}"}
    ),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_no_secret_is_written_wherever_it_hides(leak, form, kind):
    stream = kind()
    logs.configure(form, "info", stream)
    leak(logs.get_logger("a"))
    assert stream.getvalue()
    assert "hunter" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("logger", [logs.get_logger("a"), logging.getLogger("b")])
def test_tracebacks_are_written_without_secrets(stream, form, logger):
    logs.configure(form, "info", stream)
    try:
        _fail()
    except RuntimeError:
        logger.exception("failed")
    assert "RuntimeError" in stream.getvalue()
    assert "hunter" not in stream.getvalue()


def test_what_the_engine_says_ten_times_a_second_is_written_once_a_minute(written):
    engine = logging.getLogger("dbos")
    for _ in range(50):
        engine.warning("the database is gone")
    engine.warning("it is back")

    assert [line["event"] for line in written()] == ["the database is gone", "it is back"]
