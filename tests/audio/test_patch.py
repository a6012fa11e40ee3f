import pytest

from daemon.audio.patch import clients, wires

HERE = ["system:capture_1", "system:capture_2", "Synth:out", "Ardour:main L", "Ardour:main R", "Ardour:aux, wet"]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("system", (("system:capture_1", 0), ("system:capture_2", 1))),
        ("Synth", (("Synth:out", 0), ("Synth:out", 1))),
        ("synth ", (("Synth:out", 0), ("Synth:out", 1))),
        ("Ardour", (("Ardour:main L", 0), ("Ardour:main R", 1))),
        ("Ardour:main R", (("Ardour:main R", 0), ("Ardour:main R", 1))),
        ("Ardour:main R, system:capture_2", (("Ardour:main R", 0), ("system:capture_2", 1))),
        ("Ardour:aux, wet", (("Ardour:aux, wet", 0), ("Ardour:aux, wet", 1))),
        ("Ardour:gone, system:capture_2", (("system:capture_2", 1),)),
    ],
)
def test_a_name_says_which_port_is_heard_on_which_side(name, made):
    assert wires(name, HERE) == made


@pytest.mark.parametrize("name", ["Ard", "system:capture", "capture_1", "", ",", "sys*", "Synth:out:x"])
def test_part_of_a_name_is_nobody(name):
    assert wires(name, HERE) == ()


def test_names_that_differ_in_case_alone_are_told_apart():
    twins = ["synth:out", "SYNTH:out"]
    assert wires("SYNTH", twins) == (("SYNTH:out", 0), ("SYNTH:out", 1))
    assert wires("Synth", twins) == ()


def test_clients_are_named_once_in_order():
    assert clients(HERE) == ("system", "Synth", "Ardour")
