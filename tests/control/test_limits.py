from hypothesis import given
from hypothesis import strategies as st

from daemon.control.limits import Bucket, Causes


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_a_bucket_gives_no_more_than_its_size_and_its_rate(waits):
    bucket, now, taken = Bucket(rate=2, size=5), 100.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
    assert taken <= 5 + 2 * (now - 100.0) + 1e-6


def test_a_bucket_fills_again():
    bucket = Bucket(rate=2, size=1)
    assert [bucket.take(t) for t in (10.0, 10.1, 10.6, 10.7, 11.3)] == [True, False, True, False, True]


@given(st.lists(st.tuples(st.floats(0, 0.5), st.booleans()), max_size=200))
def test_asking_whether_a_bucket_is_ready_takes_nothing_from_it(turns):
    asked, unasked, now = Bucket(rate=2, size=3), Bucket(rate=2, size=3), 100.0
    for wait, take in turns:
        now += wait
        ready = asked.ready(now)
        if take:
            assert asked.take(now) == ready
            assert unasked.take(now) == ready


def test_a_cause_is_told_once_a_second_and_others_meanwhile():
    causes = Causes()
    assert [causes.fresh(("range", "/psi"), t) for t in (0.0, 0.5, 0.99, 1.0, 1.5)] == [True, False, False, True, False]
    assert causes.fresh(("range", "/gain"), 1.5)
    assert causes.fresh(("type", "/psi"), 1.5)


def test_the_causes_remembered_are_bounded():
    causes = Causes(remembered=10)
    for i in range(1000):
        assert causes.fresh(("unknown", str(i)), 0.0)
    assert len(causes._last) == 10
