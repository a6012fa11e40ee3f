"""docs/PRESETS.md says what is there."""

import re
from pathlib import Path

from PIL import Image

from daemon import config, document, preset
from daemon.control.table import addressable
from daemon.params import meanings
from daemon.preset import page
from daemon.preset.form import PASSING

DOCS = Path(config.__file__).parent.parent / "docs"
TEXT = (DOCS / "PRESETS.md").read_text(encoding="utf-8")


def test_the_table_is_fresh_and_holds_every_artistic_parameter():
    assert f"-->\n{page.markdown()}<!-- end -->" in TEXT, "run `latentd presets schema --markdown`"
    assert all(f"| `{name}` |" in TEXT for name in meanings() if name not in PASSING)
    assert not any(f"| `{name}` |" in TEXT for name in PASSING)


def test_the_presets_that_ship_stand_there_in_order_with_their_titles(tmp_path):
    bank = preset.Bank(config.shipped_presets(), tmp_path)
    rows = re.findall(r"^\| (\d+) \| `([a-z]+)` \| (.+?) \| .+ \|$", TEXT, re.MULTILINE)
    assert rows == [(str(i), name, bank.get(name).title) for i, name in enumerate(bank.names)]


def test_every_example_is_a_preset():
    examples = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert len(examples) >= 3
    for text in examples:
        whole = text if "version:" in text else f"version: 2\n{text}"
        document.parse(whole, preset.PresetFile, "docs")


def test_every_name_of_an_anchor_can_be_addressed(tmp_path):
    names = [place.name for look in _looks(tmp_path) for place in look.params.anchors]
    assert names
    assert all(addressable(name) for name in names)
    for odd in ("a", "A.b-c_9", "-", "x" * 64):
        document.parse(f"version: 2\nanchors: {{'{odd}': 1}}\n", preset.PresetFile, "x")
        assert addressable(odd)


def test_the_picture_of_them_is_there_and_light():
    path = DOCS / "pictures" / "presets.jpg"
    assert path.stat().st_size < 400_000
    with Image.open(path) as picture:
        assert picture.width > 1000


def _looks(folder):
    bank = preset.Bank(config.shipped_presets(), folder)
    return [bank.get(name) for name in bank.names]
