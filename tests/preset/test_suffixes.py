"""A preset may end in .yaml or .yml; of two with one name the first is taken."""

from daemon import preset
from daemon.params import Params
from daemon.preset.folder import look


def write(folder, name, psi):
    (folder / name).write_text(f"version: 2\npsi: {psi}\n")


def test_a_yml_is_a_preset_like_any_other(tmp_path):
    write(tmp_path, "mine.yml", 0.25)
    bank = preset.Bank(tmp_path / "none", tmp_path)
    assert (bank.names, bank.get("mine").params.psi, bank.faults) == (("mine",), 0.25, [])


def test_of_two_of_one_name_the_yaml_is_taken_and_the_other_named_once(tmp_path):
    write(tmp_path, "mine.yaml", 0.25)
    write(tmp_path, "mine.yml", 0.5)
    seen = look(tmp_path, {}, patient=False)
    (fault,) = seen.faults
    assert str(fault).endswith("mine.yml: mine.yaml is there, too, and is taken: delete one")
    assert seen.presets["mine"].params.psi == 0.25
    for _ in range(3):
        seen = look(tmp_path, seen.entries, patient=True)
        assert (seen.presets["mine"].params.psi, seen.faults) == (0.25, ())


def test_the_other_takes_its_place_when_it_is_gone(tmp_path):
    write(tmp_path, "mine.yaml", 0.25)
    write(tmp_path, "mine.yml", 0.5)
    seen = look(tmp_path, {}, patient=False)
    (tmp_path / "mine.yaml").unlink()
    kept = []
    for _ in range(3):
        seen = look(tmp_path, seen.entries, patient=True)
        kept.append(seen.presets["mine"].params.psi)
    assert kept == [0.25, 0.5, 0.5]


def test_a_preset_is_not_gone_while_its_new_suffix_is_looked_at(tmp_path):
    write(tmp_path, "mine.yml", 0.5)
    seen = look(tmp_path, {}, patient=False)
    write(tmp_path, "mine.yaml", 0.25)
    found = []
    for _ in range(3):
        seen = look(tmp_path, seen.entries, patient=True)
        found.append(seen.presets["mine"].params.psi)
    assert found == [0.5, 0.25, 0.25]


def test_a_broken_yaml_leaves_the_yml_in_force(tmp_path):
    write(tmp_path, "mine.yaml", 7)
    write(tmp_path, "mine.yml", 0.5)
    seen = look(tmp_path, {}, patient=False)
    assert seen.presets["mine"].params.psi == 0.5


def test_what_is_saved_again_goes_into_the_file_it_came_from(tmp_path):
    write(tmp_path, "mine.yml", 0.5)
    bank = preset.Bank(tmp_path / "none", tmp_path)
    bank.save("mine", Params(psi=0.75), 2.0)
    preset.PresetWatcher(bank, print, print).finish()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yml"]
    assert preset.Bank(tmp_path / "none", tmp_path).get("mine").params.psi == 0.75
