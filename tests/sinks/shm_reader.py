"""The reader of docs/SHM.md, and as a program: `NAME COUNT` reads so many frames and says how many were not whole."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

DOCS = Path(__file__).parents[2] / "docs" / "SHM.md"


def blocks():
    """The pieces of Python in the docs."""
    return re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def documented(change=lambda text: text):
    """What the docs' reader defines."""
    made = {}
    exec(change(blocks()[0]), made)
    return SimpleNamespace(**{name: made[name] for name in ("Reader", "attach", "fence")}, module=made)


def main(name, count):
    reader, seen, torn, last, backward = documented().Reader(name), 0, 0, -1, 0
    while seen < int(count):
        frame = reader.read()
        if frame is None or frame[0] == last:
            continue
        words = frame[2].view("<u4")
        torn += bool((words != words[0, 0, 0]).any()) or int(words[0, 0, 0]) != frame[0]
        backward += frame[0] < last
        last, seen = frame[0], seen + 1
    sys.stdout.write(json.dumps([seen, torn, backward]))


if __name__ == "__main__":
    main(*sys.argv[1:])
