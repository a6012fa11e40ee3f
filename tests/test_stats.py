import pytest

from daemon.stats import ErrorLog, FrameStats, quantile


def run(stats, times, ms=10.0):
    for t in times:
        stats.frame(t - ms / 1e3, t)


def test_live_rate_is_over_five_seconds_and_follows_a_change():
    stats = FrameStats()
    run(stats, [n / 10 for n in range(101)])
    assert stats.fps(10.0) == pytest.approx(10, abs=0.2)
    assert stats.fps(12.5) == pytest.approx(5, abs=0.2)
    assert stats.fps(60.0) == 0.0


def test_the_overall_rate_leaves_the_first_second_out():
    stats = FrameStats()
    run(stats, [0.0, 0.9, *(1.0 + n / 20 for n in range(201))])
    assert stats.fps_overall() == pytest.approx(20)


def test_the_overall_rate_of_a_short_run_is_over_all_of_it():
    stats = FrameStats()
    run(stats, [n / 30 for n in range(31)])
    assert stats.fps_overall() == pytest.approx(30)


def test_before_the_first_frame_there_is_nothing_to_say():
    stats = FrameStats()
    assert (stats.index, stats.fps(3.0), stats.fps_overall(), stats.times()) == (-1, 0.0, 0.0, None)


def test_times_are_of_the_last_six_hundred_frames():
    stats = FrameStats()
    run(stats, range(100), ms=500.0)
    run(stats, range(100, 700), ms=20.0)
    assert stats.times().max == pytest.approx(20.0)
    assert stats.index == 699


def test_quantiles_are_nearest_rank():
    ordered = [1.0, 2.0, 3.0, 4.0]
    assert [quantile(ordered, q) for q in (0.0, 0.25, 0.5, 0.95, 1.0)] == [1.0, 1.0, 2.0, 4.0, 4.0]


def test_errors_are_the_newest_fifty():
    log = ErrorLog()
    for i in range(60):
        log.add("x", f"n{i}")
    assert [e.text for e in log.all()[:2]] == ["n59", "n58"]
    assert len(log.all()) == 50


def test_what_fails_again_and_again_is_one_error_with_its_count_and_its_last_and_first_time():
    log = ErrorLog()
    for wait in (0.5, 1, 2, 30, 30):
        log.add("spout", f"spout: nobody is there; starting again in {wait:g} s")
        log.add("range", f"/latentd/psi takes 0..1.5, not {wait}")
    log.add("spout", "spout: the driver is gone; starting again in 30 s")
    assert [(e.code, e.count) for e in log.all()] == [("spout", 1), ("range", 5), ("spout", 5)]
    assert log.all()[2].text.endswith("in 30 s")
    assert log.all()[0].since is None
    first, last = log.all()[2].since, log.all()[2].time
    assert first is not None
    assert first <= last


def test_one_code_with_ever_new_causes_hides_no_other():
    log = ErrorLog()
    for code in ("spout", "model", "state"):
        log.add(code, "cannot be had")
    for i in range(500):
        log.add("unknown", f"there is no address '/x{i}'")
    assert {e.code for e in log.all()} == {"spout", "model", "state", "unknown"}
    assert len(log.all()) == 50
    assert log.all()[0].text.endswith("'/x499'")


def test_a_fault_of_many_pages_is_cut_and_an_old_one_stays_newest_when_it_comes_again():
    log = ErrorLog()
    log.add("preset", "; ".join(f"key{i}: there is none" for i in range(5000)))
    assert len(log.all()[0].text) == 4000
    assert log.all()[0].text.endswith("…")
    log.add("preset", "é" * 4000)
    assert log.all()[0].text == "é" * 4000
    log.add("model", "gone")
    log.add("preset", "é" * 4000)
    assert [(e.code, e.count) for e in log.all()] == [("preset", 2), ("model", 1), ("preset", 1)]


def test_refusals_of_several_kinds_leave_what_else_went_wrong():
    log = ErrorLog()
    for code in ("spout", "ndi", "audio", "preset", "state"):
        log.add(code, "cannot be had")
    for i in range(400):
        for code in ("range", "type", "name", "unknown"):
            log.add(code, f"/x{i} is wrong")
    found = [e.code for e in log.all()]
    assert {"spout", "ndi", "audio", "preset", "state"} <= set(found)
    assert len(found) == 50
    assert max(found.count(code) for code in ("range", "type", "name", "unknown")) <= 12


def test_frames_advance_only_while_they_come():
    stats = FrameStats()
    assert not stats.advanced(0.0, within=2.0)
    run(stats, [1.0, 1.1])
    assert stats.advanced(3.0, within=2.0)
    assert not stats.advanced(3.2, within=2.0)


def test_late_frames_and_what_a_device_took_are_counted_apart():
    stats = FrameStats()
    stats.frame(0.0, 0.5, deadline=0.5)
    assert (stats.missed, stats.device_times()) == (0, None)
    stats.frame(0.0, 0.6, deadline=0.5, device=0.1)
    assert (stats.missed, stats.device_times().max) == (1, 100.0)
    assert stats.times().max == 600.0


def test_a_device_that_took_no_time_that_can_be_told_did_paint():
    stats = FrameStats()
    stats.frame(0.0, 0.1, device=0.0)
    assert stats.device_times().p50 == 0.0
    stats.frame(0.1, 0.2, device=0.004)
    assert (stats.device_times().p50, stats.device_times().max) == (0.0, 4.0)


def test_a_lull_is_when_the_last_frames_were_done_and_the_next_is_not_due():
    stats = FrameStats(0.1)
    for n, ms in enumerate((40.0, 10.0, 20.0, 15.0, 15.0, 15.0, 15.0, 15.0, 15.0)):  # the first is forgotten
        stats.frame(n * 0.1, n * 0.1 + ms / 1e3, deadline=(n + 1) * 0.1)
    for now, wait in ((0.85, 0.0), (0.9, 0.020), (0.915, 0.005), (0.93, 0.0), (1.005, 0.015), (7.31, 0.010)):
        assert stats.lull(now) == pytest.approx(wait, abs=1e-9)


def test_frames_that_take_all_the_time_there_is_have_no_lull():
    stats = FrameStats(0.1)
    stats.frame(0.0, 0.09, deadline=0.1)
    assert stats.lull(0.11) == 0.0


def test_a_frame_in_hand_is_waited_for_where_frames_leave_time():
    stats = FrameStats(0.1)
    stats.working = True
    assert stats.at_work
    stats.frame(0.0, 0.09, deadline=0.1)  # too little
    assert not stats.at_work
    for n in range(8):
        stats.frame(n, n + 0.05, deadline=n + 0.1)
    assert stats.at_work
    stats.working = False
    assert not stats.at_work
