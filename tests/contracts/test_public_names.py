"""What others build on does not change by accident: extending a list here is a decision."""

import typer

import stemwright
from stemwright.entry import cli


def test_the_package_offers_these_names_and_each_of_them_exists():
    assert sorted(stemwright.__all__) == ["Separator", "__version__"]
    assert all(hasattr(stemwright, name) for name in stemwright.__all__)


def test_the_command_line_has_these_commands():
    top = typer.main.get_command(cli.app).commands
    commands = [
        "analyze",
        "credits",
        "demo",
        "denoise",
        "doctor",
        "jobs",
        "keys",
        "midi",
        "models",
        "separate",
        "serve",
        "users",
        "version",
        "webhooks",
        "worker",
    ]
    assert sorted(top) == commands
    assert sorted(top["credits"].commands) == ["grant", "history", "show"]
    assert sorted(top["keys"].commands) == ["create", "list", "revoke"]
    accounts = ["create", "demote", "list", "password", "promote", "show", "suspend"]
    assert sorted(top["users"].commands) == [*accounts, "unsuspend", "verify"]
    assert sorted(top["jobs"].commands) == ["cancel", "list", "retry", "show"]
    deliveries = ["callback-secret", "deliveries", "list", "redeliver"]
    assert sorted(top["webhooks"].commands) == deliveries
    assert sorted(top["models"].commands) == ["default", "info", "list", "pull", "remove"]
