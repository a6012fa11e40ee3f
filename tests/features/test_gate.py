from dataclasses import replace

from daemon.features.gate import Gate
from daemon.params import Params

DT = 0.01
PARAMS = Params(gate=-50.0, gate_hysteresis=6.0, gate_hold=0.4)


def feed(gate, level, seconds, params=PARAMS):
    return [gate.step(level, params) for _ in range(round(seconds / DT))]


def test_it_starts_closed_and_stays_so_in_silence():
    assert not any(feed(Gate(DT), -120.0, 1.0))


def test_it_opens_at_once_above_the_threshold_and_not_at_it():
    gate = Gate(DT)
    assert not gate.step(-50.0, PARAMS)
    assert gate.step(-49.9, PARAMS)


def test_it_closes_after_the_hold_and_not_before():
    gate = Gate(DT)
    feed(gate, -20.0, 0.1)
    states = feed(gate, -80.0, 0.6)
    assert states.count(True) == 40
    assert states == sorted(states, reverse=True)


def test_sound_between_the_thresholds_neither_opens_nor_closes_it():
    gate = Gate(DT)
    assert not any(feed(gate, -53.0, 2.0))
    feed(gate, -20.0, 0.1)
    assert all(feed(gate, -53.0, 2.0))


def test_a_short_return_begins_the_hold_anew():
    gate = Gate(DT)
    feed(gate, -20.0, 0.1)
    feed(gate, -80.0, 0.35)
    feed(gate, -53.0, DT)
    assert feed(gate, -80.0, 0.6).count(True) == 40


def test_disabled_it_is_open_and_enabled_again_it_closes_after_the_hold():
    gate, off = Gate(DT), replace(PARAMS, gate_enable=False)
    assert all(feed(gate, -120.0, 1.0, off))
    states = feed(gate, -120.0, 1.0)
    assert states.count(True) == 40
    assert not states[-1]


def test_no_hold_closes_it_at_once():
    gate, none = Gate(DT), replace(PARAMS, gate_hold=0.0)
    gate.step(-20.0, none)
    assert not gate.step(-80.0, none)


def test_digital_silence_never_sounds_also_where_the_gate_is_off():
    gate, off = Gate(DT), replace(PARAMS, gate_enable=False)
    assert gate.step(-90.0, off)
    assert gate.sounding
    assert gate.step(-120.0, off)
    assert not gate.sounding
