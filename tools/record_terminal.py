"""Record a real command in a terminal and draw what it showed as an SVG.

    .venv/bin/python tools/record_terminal.py docs/separate.svg -- .venv/bin/stemwright doctor

The command runs in a pseudo-terminal, so it draws its progress as it does for a person. The
picture is the last screen; with ``--animate`` it plays the run, at most one frame per ``--frame``
seconds and each for at most ``--longest`` seconds.
"""

from __future__ import annotations

import argparse
import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from io import StringIO
from itertools import groupby, pairwise
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import MONOKAI

CELL_WIDTH, LINE_HEIGHT, MARGIN, FONT_SIZE = 8.4, 19, 16, 14
FONT = f"{FONT_SIZE}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
TOKEN = re.compile(
    r"\x1b\[(?P<arguments>\??[\d;]*)(?P<letter>[A-Za-z])|[\r\n\b]|\x1b|[^\x1b\r\n\b]+"
)
UNFINISHED = re.compile(r"\x1b(\[\??[\d;]*)?$")


@dataclass(slots=True)
class Screen:
    """Enough of a terminal for progress bars: text, colours, cursor up, return, erase."""

    width: int
    lines: list[list[tuple[str, str]]] = field(default_factory=lambda: [[]])
    """Cells of each line: a character and the codes of its colour."""
    row: int = 0
    column: int = 0
    colour: str = ""

    def feed(self, output: str) -> None:
        """Apply output, which does not end within an escape sequence."""
        for token in TOKEN.finditer(output):
            if token["letter"]:
                self._control(token["letter"], token["arguments"])
            elif token[0] == "\n":
                self._down()
            elif token[0] == "\r":
                self.column = 0
            elif token[0] == "\b":
                self.column = max(0, self.column - 1)
            elif token[0] != "\x1b":
                for character in token[0]:
                    self._put(character)

    def text(self) -> str:
        """Give the screen as lines with colour codes."""
        return "\n".join(map(_coloured, self.lines)).rstrip()

    def _control(self, letter: str, arguments: str) -> None:
        count = int(arguments) if arguments.isdecimal() else 0
        line = self.lines[self.row]
        match letter:
            case "m":
                self.colour = "" if arguments in {"", "0"} else f"{self.colour}\x1b[{arguments}m"
            case "A":
                self.row = max(0, self.row - max(1, count))
            case "G":
                self.column = max(0, count - 1)
            case "K":
                del line[0 if count == 2 else self.column :]
            case "J":
                del line[self.column :], self.lines[self.row + 1 :]

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def _put(self, character: str) -> None:
        if self.column == self.width:
            self._down()
            self.column = 0
        line = self.lines[self.row]
        line.extend((" ", "") for _ in range(self.column + 1 - len(line)))
        line[self.column] = (character, self.colour)
        self.column += 1


def _coloured(line: Sequence[tuple[str, str]]) -> str:
    runs = groupby(line, key=lambda cell: cell[1])
    parts = [(colour, "".join(character for character, _ in cells)) for colour, cells in runs]
    return "".join(f"{colour}{text}\x1b[0m" if colour else text for colour, text in parts).rstrip()


def record(command: Sequence[str], width: int, height: int) -> Iterator[tuple[float, str]]:
    """Run the command; yield seconds since its start and the screen after each piece of output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **terminal}
    )
    os.close(theirs)
    screen = Screen(width)
    for output in _whole_sequences(ours):
        screen.feed(output)
        yield time.perf_counter() - start, screen.text()
    os.close(ours)
    if process.wait():
        sys.exit(f"{command[0]} ended with status {process.returncode}; nothing is drawn")


def _whole_sequences(descriptor: int) -> Iterator[str]:
    """Read until the end; a character or sequence cut in two waits for its other half."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = ""
    while piece := _read(descriptor):
        output = waiting + decoder.decode(piece)
        cut = UNFINISHED.search(output)
        end = cut.start() if cut else len(output)
        waiting = output[end:]
        yield output[:end]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO once the other side is closed
        return b""


def draw(frames: Sequence[tuple[float, str]], title: str, width: int) -> str:
    """Draw screens as one SVG; each is shown for its seconds, the last one stays."""
    rows = max(text.count("\n") for _, text in frames) + 2
    size = f"0 0 {width * CELL_WIDTH + 2 * MARGIN:.0f} {rows * LINE_HEIGHT + 2 * MARGIN}"
    elements = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" xml:space="preserve"',
        f' viewBox="{size}">',
        f"<title>{escape(title)}</title>",
        f"<style>text {{ font: {FONT} }}</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{MONOKAI.background_color.hex}"/>',
        f'<text x="{MARGIN}" y="{_baseline(0)}" fill="#8f908a">$ {escape(title)}</text>',
    ]
    begin = 0.0
    for number, (seconds, text) in enumerate(frames, 1):
        end = begin + seconds if number < len(frames) else None
        elements.append(_frame(_lines(text, width), begin, end))
        begin += seconds
    return "\n".join([*elements, "</svg>\n"])


def _frame(content: str, begin: float, end: float | None) -> str:
    """Show the content from ``begin`` to ``end``, or for ever."""
    if begin == 0 and end is None:
        return f"<g>{content}</g>"
    steps = [("visible", begin)] + ([("hidden", end)] if end is not None else [])
    changes = (
        f'<set attributeName="visibility" to="{state}" begin="{moment:.2f}s"/>'
        for state, moment in steps
    )
    return f'<g visibility="hidden">{"".join(changes)}{content}</g>'


def _lines(text: str, width: int) -> str:
    console = Console(width=width + 1, color_system="truecolor", file=StringIO())
    options = console.options.update(no_wrap=True)
    decoded = AnsiDecoder().decode(text)
    return "\n".join(
        _line(console.render(line, options), number) for number, line in enumerate(decoded, 1)
    )


def _line(segments: Iterable[Segment], number: int) -> str:
    spans, column = [], 0
    for segment in segments:
        text = segment.text.rstrip("\n")
        if text.strip():
            place = f'x="{MARGIN + column * CELL_WIDTH:.1f}"'
            length = f'textLength="{len(text) * CELL_WIDTH:.1f}"'
            look = _attributes(segment.style)
            spans.append(f"<tspan {place} {length}{look}>{escape(text)}</tspan>")
        column += len(text)
    return f'<text y="{_baseline(number)}" fill="#f8f8f2">{"".join(spans)}</text>'


def _baseline(number: int) -> int:
    return MARGIN + FONT_SIZE + number * LINE_HEIGHT


def _attributes(style: Style | None) -> str:
    if style is None:
        return ""
    colour = f' fill="{style.color.get_truecolor(MONOKAI).hex}"' if style.color else ""
    bold = ' font-weight="bold"' if style.bold else ""
    dim = ' opacity="0.6"' if style.dim else ""
    return colour + bold + dim


def played(
    screens: Iterable[tuple[float, str]], frame_s: float, longest_s: float
) -> list[tuple[float, str]]:
    """Turn (moment, screen) into (seconds shown, screen), without those that flash by."""
    kept: list[tuple[float, str]] = []
    for moment, text in screens:
        if kept and moment - kept[-1][0] < frame_s:
            kept[-1] = (kept[-1][0], text)
        elif not kept or kept[-1][1] != text:
            kept.append((moment, text))
    moments = [moment for moment, _ in kept]
    shown = [end - start for start, end in pairwise(moments)] + [0.0]
    return [(min(s, longest_s), text) for s, (_, text) in zip(shown, kept, strict=True)]


def main() -> None:
    """Parse the command line, record, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=92, help="columns of the terminal")
    parser.add_argument("--height", type=int, default=30, help="rows of the terminal")
    parser.add_argument("--title", help="what the prompt line says; default: the command")
    parser.add_argument("--animate", action="store_true", help="play the run, not only its end")
    parser.add_argument("--frame", type=float, default=0.5, help="least seconds of a frame")
    parser.add_argument("--longest", type=float, default=2.0, help="most seconds of a frame")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    screens = list(record(options.command, options.width, options.height))
    if not screens:
        sys.exit("the command printed nothing; nothing is drawn")
    frames = (
        played(screens, options.frame, options.longest)
        if options.animate
        else [(0.0, screens[-1][1])]
    )
    title = options.title or " ".join([Path(options.command[0]).name, *options.command[1:]])
    options.picture.write_text(draw(frames, title, options.width), "utf-8")
    print(f"{options.picture}: {len(frames)} frames, {options.picture.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
