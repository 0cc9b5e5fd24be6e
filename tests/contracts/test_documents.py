"""What a user can meet is written down."""

import re

import pytest
import typer

from stemwright import errors
from stemwright.entry import cli
from support.repository import ROOT, read, table_rows, tracked_files

ERROR_CLASSES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.StemwrightError)
]


@pytest.mark.parametrize("kind", ERROR_CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_reference_with_its_statuses(kind):
    rows = [row[:4] for row in table_rows(read("docs/reference/errors.md"))]
    assert [kind.code, str(kind.exit_code), str(kind.http_status), kind.__name__] in rows


def test_the_error_reference_lists_nothing_that_is_gone():
    documented = {row[3] for row in table_rows(read("docs/reference/errors.md")) if len(row) == 5}
    assert documented - {"class"} == {kind.__name__ for kind in ERROR_CLASSES}


def test_error_codes_and_the_drawn_tree_are_complete():
    codes = [kind.code for kind in ERROR_CLASSES]
    assert len(set(codes)) == len(codes)
    drawn = set(re.findall(r"\b[A-Z]\w+", errors.__doc__ or ""))
    assert {kind.__name__ for kind in ERROR_CLASSES} <= drawn


def links():
    for file in tracked_files():
        if file.suffix == ".md":
            text = re.sub(r"(?s)<!--.*?-->", "", file.read_text("utf-8"))
            targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
            yield from ((file, target) for target in targets if "://" not in target)


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{file.relative_to(ROOT)} → {to}"
        for file, to in links()
        if not (file.parent / to).exists()
    ]
    assert broken == []


def test_every_make_target_explains_itself():
    makefile = read("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    explained = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert set(phony[1].split()) - explained == {"model"}


def commands(group, name="stemwright"):
    """Every command below a group with its full name."""
    for part, command in getattr(group, "commands", {}).items():
        yield f"{name} {part}", command
        yield from commands(command, f"{name} {part}")


def test_every_command_and_option_is_in_the_reference():
    reference = read("docs/reference/cli.md")
    for name, command in commands(typer.main.get_command(cli.app)):
        spelled = {longest for option in command.params for longest in option.opts[:1]}
        options = {option for option in spelled if option.startswith("--")}
        missing = {name} | options - {"--help"}
        assert {word for word in missing if f"{word}" not in reference} == set(), name
