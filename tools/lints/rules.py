"""The habits of CONTRIBUTING.md that a machine can see and no ready-made linter knows.

A rule takes every parsed file and yields findings. A definition is excused by a comment on its
first line that names the rule and the reason: ``# lint: skip array-contract: bytes, not samples``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

VAGUE = frozenset({"common", "data", "helper", "helpers", "manager", "misc", "util", "utils"})
NUMERIC = ("stemwright/audio/", "stemwright/engine/")
FILLER = frozenset(
    re.findall(
        r"\w+",
        "a an and are as by current for from get gets given in initialise initialize initializes"
        " instance is its new of on or return returns set sets that the this to with",
    )
)


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: PurePosixPath, text: str) -> Source:
        return cls(path, text, ast.parse(text, filename=str(path)))

    def definitions(self) -> Iterator[Definition]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node

    def excuses(self, node: Definition, rule: str) -> bool:
        line = self.text.splitlines()[node.lineno - 1]
        return re.search(rf"# lint: skip {rule}: \S", line) is not None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong where, and what to do about it."""

    path: PurePosixPath
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


Rule: TypeAlias = Callable[[Sequence[Source]], Iterator[Finding]]


def vague_name(sources: Sequence[Source]) -> Iterator[Finding]:
    """Ask that a module is named for what it holds; a drawer for everything fills up."""
    for source in sources:
        name = source.path.parent.name if source.path.stem == "__init__" else source.path.stem
        if name in VAGUE:
            advice = f"name what {name!r} holds, or move its functions to what they serve"
            yield Finding(source.path, 1, "vague-name", advice)


def restated_name(sources: Sequence[Source]) -> Iterator[Finding]:
    """Ask that a docstring says what its name and signature do not, or is left out."""
    for source in sources:
        for node in source.definitions():
            if _restates(node) and not source.excuses(node, "restated-name"):
                advice = (
                    f"the docstring of {node.name} only repeats its name: add a fact or drop it"
                )
                yield Finding(source.path, node.lineno, "restated-name", advice)


def array_contract(sources: Sequence[Source]) -> Iterator[Finding]:
    """Ask that a public function over arrays in audio/ and engine/ states shapes by axis.

    The types say ``NDArray[np.float32]`` and no more; ``[channels, samples]`` is what a caller
    needs. A method is excused when a protocol states the contract for its name.
    """
    numeric = [source for source in sources if any(part in str(source.path) for part in NUMERIC)]
    promised = set(_protocol_methods(numeric))
    for source in numeric:
        for node in _public_functions(source.tree):
            stated = _states_shape(node) or node.name in promised
            if _takes_arrays(node) and not stated and not source.excuses(node, "array-contract"):
                advice = f"{node.name} takes or gives arrays: state shapes, as [channels, samples]"
                yield Finding(source.path, node.lineno, "array-contract", advice)


RULES: tuple[Rule, ...] = (vague_name, restated_name, array_contract)


def findings(sources: Sequence[Source]) -> list[Finding]:
    found = [finding for rule in RULES for finding in rule(sources)]
    return sorted(found, key=lambda finding: (finding.path, finding.line))


def _restates(node: Definition) -> bool:
    said = _words(ast.get_docstring(node) or "") - FILLER
    known = _words(node.name)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        known |= _words(" ".join(argument.arg for argument in node.args.args))
    has_docstring = ast.get_docstring(node) is not None
    return has_docstring and said <= known


def _words(text: str) -> set[str]:
    """Words in lower case without a plural s: ``SongFile`` and ``song_files`` are the same two."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", text)
    return {part.lower().removesuffix("s") for part in parts}


def _public_functions(tree: ast.Module) -> Iterator[Function]:
    """Functions of the module and methods of its public classes; nested ones are private."""
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) and _is_public(node) else [node]
        for member in members:
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(member):
                yield member


def _is_public(node: Definition) -> bool:
    return not node.name.startswith("_")


def _takes_arrays(node: Function) -> bool:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = [argument.annotation for argument in every] + [node.returns]
    # an array among other things, as in Node | NDArray, is an operand of any shape
    return any(ast.unparse(note).startswith("NDArray") for note in annotations if note is not None)


def _states_shape(node: Function) -> bool:
    return re.search(r"\[[^\]\d][^\]]*\]", ast.get_docstring(node) or "") is not None


def _protocol_methods(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        for node in source.definitions():
            if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
                methods = (item for item in node.body if isinstance(item, ast.FunctionDef))
                yield from (method.name for method in methods if _states_shape(method))
