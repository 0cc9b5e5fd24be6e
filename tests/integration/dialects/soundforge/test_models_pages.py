"""The models in the browser: for administrators, without scripts, and for programs alike."""

import pytest

from stemwright.dialects.soundforge.models_pages import PATH, ModelServices, create_model_routes
from support.browsers import AccountBench, Page, csrf_of
from support.hub_server import Gate
from support.live_server import wait_until
from support.model_bench import DENOISER, NOTES, ModelBench

ADA, GRACE = "ada@example.org", "grace@example.org"


@pytest.fixture
def bench(tmp_path):
    with ModelBench(tmp_path, policy="commercial") as bench:
        yield bench


@pytest.fixture
def site(tmp_path, bench):
    def pages(door):
        return create_model_routes(ModelServices(door, bench.models))

    with AccountBench(tmp_path, pages=pages) as site:
        site.user(ADA)
        site.accounts.set_admin(ADA, is_admin=True)
        site.user(GRACE)
        yield site


@pytest.fixture
def admin(site):
    browser = site.browser()
    browser.log_in(ADA)
    return browser


def press(browser, action, **fields):
    """Send a form of the page, and read what the page says then."""
    form = {"_csrf_token": csrf_of(browser.get(PATH)), "action": action, **fields}
    answer = browser.client.post(PATH, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, PATH), answer.text
    return browser.get(PATH)


def section(answer, name):
    """The text of one model's part of the page."""
    texts = [it.text for it in Page(answer.text).all("section")]
    return next(text for text in texts if text.split()[0] == name)


def test_an_administrator_sees_every_model(admin):
    page = admin.get(PATH)
    assert "not installed" in section(page, NOTES)
    assert "Apache License 2.0" in section(page, NOTES)
    assert "may not be used here" in section(page, "closed")
    assert "It is to run htdemucs, which is not installed" in page.text


def test_others_are_not_let_in(site):
    assert site.browser().get(PATH).headers["location"] == "/users/log-in"
    plain = site.browser()
    plain.log_in(GRACE)
    assert plain.get(PATH).status_code == 403
    assert PATH not in plain.get("/users/settings").text
    csrf = csrf_of(plain.get("/users/settings"))
    answer = plain.client.post(PATH, data={"_csrf_token": csrf, "action": "remove"})
    assert answer.status_code == 403


def test_who_is_no_administrator_any_more_is_out_at_once(site, admin):
    assert admin.get(PATH).status_code == 200
    assert PATH in admin.get("/users/settings").text
    site.accounts.set_admin(ADA, is_admin=False)
    assert admin.get(PATH).status_code == 403


def test_a_form_of_elsewhere_changes_nothing(admin, bench):
    answer = admin.client.post(PATH, data={"action": "install", "model": NOTES})
    assert answer.status_code == 403
    assert bench.state().installation is None


def test_a_model_is_installed_once_its_licence_is_accepted(admin, bench):
    page = press(admin, "install", model=NOTES)
    assert "nobody has accepted yet" in page.text
    page = press(admin, "install", model=NOTES, accept_licence="true")
    assert f"{NOTES} is being installed." in page.text
    bench.wait_installed()

    page = admin.get(PATH)
    assert f"accepted by {ADA} on" in section(page, NOTES)
    assert "installed from" in section(page, NOTES)
    assert "I accept" not in section(page, NOTES)


def test_progress_shows_without_scripts(admin, bench):
    gate = bench.files[NOTES].gate = Gate(after=100_000)
    press(admin, "install", model=NOTES, accept_licence="true")
    press(admin, "install", model=DENOISER, accept_licence="true")
    wait_until(lambda: bench.state().installation.fraction > 0, "progress")

    page = Page(admin.get(PATH).text)
    assert [it["content"] for it in page.all("meta") if it["http-equiv"] == "refresh"] == ["4"]
    shown, waiting = page.all("progress")
    assert 0 < float(shown["value"]) < 1
    assert waiting["value"] is None
    assert "waiting for its turn" in section(admin.get(PATH), DENOISER)
    press(admin, "cancel", model=DENOISER)
    gate.opened.set()
    bench.wait_installed()
    assert not Page(admin.get(PATH).text).all("progress")
    assert "http-equiv" not in admin.get(PATH).text


def test_a_failure_is_shown_until_the_next_attempt(admin, bench):
    bench.hub.statuses[f"/{NOTES}.bin"] = 503
    press(admin, "install", model=NOTES, accept_licence="true")
    bench.wait_for("failed")
    assert "It could not be installed." in section(admin.get(PATH), NOTES)
    del bench.hub.statuses[f"/{NOTES}.bin"]
    press(admin, "install", model=NOTES)
    bench.wait_installed()


def test_a_model_is_removed(admin, bench):
    bench.install()
    bench.wait_installed()
    assert f"{NOTES} is removed." in press(admin, "remove", model=NOTES).text
    assert not bench.state().is_installed
    assert f"{NOTES} was not installed." in press(admin, "remove", model=NOTES).text


def test_a_tier_is_given_a_model(admin, bench):
    page = press(admin, "default", tier="best", model="htdemucs_ft")
    assert "may not be used here" in page.text  # as the policy of this server has it
    assert bench.models.shelf().chosen["best"] is None
    assert "from now on" in press(admin, "default", tier="best", model="auto").text


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "explode"},
        {"action": "install"},
        {"action": "remove", "model": "<script>alert(1)</script>"},
        {"action": "default", "tier": "<script>", "model": "htdemucs"},
    ],
)
def test_what_makes_no_sense_is_said_and_is_no_markup(admin, fields):
    answer = press(admin, **fields)
    assert 'role="alert"' in answer.text
    assert "<script" not in answer.text


def test_every_page_is_usable(admin, bench):
    pages = [admin.get(PATH)]
    bench.install()
    bench.wait_installed()
    for answer in (*pages, admin.get(PATH)):
        page = Page(answer.text)
        labelled = {it["for"] for it in page.all("label")}
        controls = [it for it in page.all("input", "select") if it["type"] != "hidden"]
        assert {it["id"] for it in controls} == labelled
        ids = {it["id"] for it in page.elements}
        named = page.all("section", "progress", "select")
        told = {it["aria-labelledby"] or it["aria-describedby"] for it in named}
        assert told <= ids
        buttons = [it["aria-label"] for it in page.all("button") if it["aria-label"]]
        assert len(set(buttons)) == len(buttons)
        assert not [it for it in page.elements if it["style"] or it["onclick"]]
        assert not page.all("script", "style")
        assert answer.headers["cache-control"] == "no-store"


def test_programs_get_the_same_in_json(site, bench):
    program = site.browser(accept="application/json")
    csrf = program.get("/users/log-in").json()["data"]["csrf_token"]
    who = {"user": {"email": ADA, "password": "correct horse battery"}}
    csrf = program.client.post("/users/log-in", json=who, headers={"x-csrf-token": csrf}).json()[
        "data"
    ]["csrf_token"]

    def send(**said):
        return program.client.post(PATH, json=said, headers={"x-csrf-token": csrf})

    refused = send(action="install", model=NOTES)
    assert (refused.status_code, "accepted" in refused.json()["error"]) == (403, True)
    answer = send(action="install", model=NOTES, accept_licence=True)
    assert answer.status_code == 202
    bench.wait_installed()
    found = program.get(PATH).json()["data"]
    model = next(it for it in found["models"] if it["name"] == NOTES)
    assert (model["installed"], model["licence"]["accepted"]["by"]) == (True, ADA)
    assert found["tiers"]["best"] == {"model": "htdemucs", "chosen": False}
    assert found["disk_bytes"] == model["disk_bytes"] > 0
    assert send(action="remove", model=NOTES).json()["data"]["message"] == f"{NOTES} is removed."
