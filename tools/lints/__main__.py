"""Check the source tree: `python tools/lints`, from the root of the repository."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

from rules import Source, findings


def main() -> int:
    files = sorted(Path("src").rglob("*.py"))
    sources = [Source.parse(PurePosixPath(file), file.read_text("utf-8")) for file in files]
    found = findings(sources)
    for finding in found:
        print(finding)
    print(f"own lints: {len(sources)} files, {len(found)} findings")
    return 1 if found or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
