import pytest

from daemon.audio.devices import Device, choose
from daemon.errors import SourceUnavailable


def device(index, name, api="ALSA", default=False):
    return Device(index, name, api, 2, 48_000.0, default)


HERE = [device(0, "Built-in Microphone", default=True), device(1, "Scarlett 2i2 USB"), device(2, "Scarlett 18i20")]


@pytest.mark.parametrize(
    ("name", "index"), [(None, 0), ("Scarlett 2i2 USB", 1), ("scarlett 2I2 usb", 1), ("18i20", 2), (" built-in ", 0)]
)
def test_an_input_is_found_by_its_name_or_the_only_part_of_it(name, index):
    assert choose(HERE, name).index == index


def test_a_whole_name_wins_over_a_longer_one():
    assert choose([device(0, "Line 2"), device(1, "Line")], "line").index == 1


@pytest.mark.parametrize("name", ["organ", "", "Scarlett 2i2 USB and more"])
def test_an_unknown_name_is_answered_with_those_there_are(name):
    with pytest.raises(SourceUnavailable) as refused:
        choose(HERE, name)
    assert str(refused.value) == (
        f"no input named '{name}'; there are: 'Built-in Microphone', 'Scarlett 2i2 USB', 'Scarlett 18i20'"
    )


def test_a_name_that_could_be_several_is_not_guessed():
    with pytest.raises(SourceUnavailable, match="'Scarlett 2i2 USB', 'Scarlett 18i20': give the whole name"):
        choose(HERE, "scarlett")


def test_of_the_same_input_offered_twice_the_better_way_is_taken():
    offered = [device(0, "Line", "MME"), device(1, "Line", "Windows DirectSound"), device(2, "Line", "Windows WASAPI")]
    assert choose(offered, "line").index == 2
    assert choose(offered, "Line, MME").index == 0


@pytest.mark.parametrize("name", [None, "organ"])
def test_without_any_input_it_says_what_else_to_do(name):
    with pytest.raises(SourceUnavailable, match=r"there are none: .*--source file:PATH"):
        choose([], name)


def test_no_default_input_is_said_with_those_there_are():
    with pytest.raises(SourceUnavailable, match="no default sound input; there are: 'Line'"):
        choose([device(0, "Line")], None)
