from daemon.sync.leaders import LOST, Leaders, Verdict
from daemon.sync.packet import Head

A, B = ("10.0.0.1", 7772), ("10.0.0.9", 7772)


def frame(age):
    """Of a leader that has led for so many seconds; its clock shows something else than ours."""
    return Head(0, 0, 500.0, 500.0 + age, 500.1 + age, 30.0, b"modelofw")


def test_who_has_led_longest_is_followed_whoever_is_heard_first():
    for order in ((A, B), (B, A)):
        leaders, age = Leaders(), {A: 100.0, B: 3.0}
        session = {A: 9, B: 1}
        for n in range(20):
            for who in order:
                leaders.judge(session[who], frame(age[who] + n * 0.1), who, 50.0 + n * 0.1)
        assert leaders.current.address == A


def test_of_two_that_began_together_the_lower_session_is_followed_whoever_is_heard_first():
    for order in ((A, B), (B, A)):
        leaders, age, session = Leaders(), {A: 10.4, B: 10.0}, {A: 9, B: 1}
        for n in range(20):
            for who in order:
                leaders.judge(session[who], frame(age[who] + n * 0.1), who, 50.0 + n * 0.1)
        assert leaders.current.address == B


def test_the_choice_of_one_of_two_never_goes_back_and_forth():
    leaders, changes = Leaders(), 0
    for n in range(500):
        jitter = 0.02 * (n * 7919 % 13 / 13 - 0.5)
        for who, session, age in ((A, 9, 11.0), (B, 1, 10.0 + jitter)):  # as near to the limit as can be
            verdict = leaders.judge(session, frame(age + n * 0.1), who, 50.0 + n * 0.1)
            changes += verdict is Verdict.NEW
    assert changes <= 2


def test_a_leader_started_anew_at_its_place_is_followed_at_once_and_its_past_is_not():
    leaders = Leaders()
    assert leaders.judge(5, frame(100.0), A, 10.0) is Verdict.NEW
    assert leaders.judge(5, frame(100.1), A, 10.1) is Verdict.OURS
    assert leaders.judge(8, frame(0.0), A, 10.2) is Verdict.NEW
    assert leaders.judge(5, frame(100.1), A, 10.25) is Verdict.OLD  # it was slow on its way
    assert leaders.judge(8, frame(0.1), A, 10.3) is Verdict.OURS


def test_a_rival_takes_over_when_the_leader_is_gone():
    leaders = Leaders()
    leaders.judge(5, frame(100.0), A, 10.0)
    assert leaders.judge(1, frame(3.0), B, 10.1) is Verdict.RIVAL
    assert leaders.fresh(10.0 + LOST - 0.1)
    assert leaders.judge(1, frame(5.2), B, 10.0 + LOST + 0.1) is Verdict.NEW
    assert leaders.current.address == B


def test_a_session_at_another_address_is_somebody_else():
    leaders = Leaders()
    leaders.judge(5, frame(100.0), A, 10.0)
    assert leaders.judge(5, frame(100.0), B, 10.1) is Verdict.RIVAL
    assert leaders.last == 10.0


def test_any_number_of_rivals_is_remembered_in_little():
    leaders = Leaders()
    leaders.judge(5, frame(100.0), A, 10.0)
    for session in range(1_000, 3_000):
        assert leaders.judge(session, frame(1.0), B, 10.1) is Verdict.RIVAL
    assert len(leaders._rivals) <= 16
