from pathlib import Path

import pytest

from daemon.control.table import Kind, address_of, markdown, rows
from daemon.errors import BadInput
from daemon.params import Range, meanings

DOCS = Path(__file__).parents[2] / "docs" / "OSC.md"

PROMISED = (
    *("preset", "preset/next", "preset/prev", "preset/save", "smoothing", "attack", "release", "gain", "drift", "psi"),
    *("gate", "gate/hold", "gate/hysteresis", "gate/enable", "cluster", "cluster/calm", "seed", "mapper", "freeze"),
    *("blackout", "query", "subscribe", "ping", "latent/z", "latent/ws", "translate/x", "zoom", "layers/mid", "model"),
)


def test_every_address_of_the_interface_is_in_the_table_once():
    addresses = [row.address for row in rows(["calm"])]
    assert len(set(addresses)) == len(addresses)
    assert {f"/latentd/{name}" for name in PROMISED} <= set(addresses)


def test_every_field_of_params_has_a_row_with_its_range_unit_and_text():
    table = {row.key: row for row in rows([]) if row.kind not in (Kind.ROUTE_NAME, Kind.ROUTE_NUMBER)}
    for name, meaning in meanings().items():
        row = table[name]
        assert row.text == meaning.text
        assert row.address == address_of(name)
        if isinstance(meaning, Range):
            assert (row.low, row.high, row.unit) == (meaning.low, meaning.high, meaning.unit)


def test_every_underscore_becomes_a_slash():
    assert address_of("gate_hold") == "/latentd/gate/hold"
    assert address_of("psi") == "/latentd/psi"
    assert address_of("a_b_c") == "/latentd/a/b/c"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a*", "#a", "ä", "a\n", "x" * 65, "{a}"])
def test_a_cluster_that_cannot_be_part_of_an_address_is_named(name):
    with pytest.raises(BadInput, match="cannot be part of an OSC address"):
        rows(["calm", name])


def test_two_clusters_of_one_name_are_refused():
    with pytest.raises(BadInput, match="same name"):
        rows(["calm", "calm"])


def test_actions_have_no_value_and_no_norm():
    for row in rows(["calm"]):
        if row.kind in (Kind.NEXT, Kind.PREV, Kind.SAVE, Kind.QUERY, Kind.SUBSCRIBE, Kind.PING, Kind.WEIGHTS):
            assert not row.valued
            assert not row.norm


def test_the_page_of_addresses_is_fresh():
    """`latentd addresses --markdown > docs/OSC.md` makes it so."""
    assert DOCS.read_text(encoding="utf-8") == markdown(rows(["NAME"]))
