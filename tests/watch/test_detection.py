from made_shop import Shop, at
from watchkeeper.watch.detection import detect


def test_a_quiet_shop_raises_nothing_at_any_time():
    store = Shop().store()
    assert [detect(store, at(second)) for second in (30, 120, 300)] == [(), (), ()]


def test_slowness_is_noticed_within_a_minute_and_not_before_it_begins():
    store = Shop(slow={"checkout": 120}).store()
    looks = {second: detect(store, at(second)) for second in range(230, 301, 10)}
    first = min(second for second, signals in looks.items() if signals)
    assert 240 < first <= 300
    assert {s.service for s in looks[first]} <= {"gateway", "checkout"}


def test_failures_are_noticed_at_the_service_where_they_show():
    signals = detect(Shop(failing={"payment": 0.3}).store(), at(290))
    assert signals
    assert signals[0].measure == "error ratio"
    assert signals[0].observed is not None
    assert signals[0].observed > 0.1


def test_silence_is_a_signal_of_its_own():
    signals = detect(Shop(silent=("checkout",)).store(), at(285))
    assert ("silence", "checkout") in {(s.kind, s.service) for s in signals}


def test_an_empty_store_raises_nothing():
    assert detect(Shop().store(), at(86_400)) == ()


def test_everybody_falling_silent_is_one_signal_and_a_moments_pause_is_none():
    store = Shop().store()
    end = 300
    assert detect(store, at(end + 40)) == ()
    (signal,) = detect(store, at(end + 90))
    assert signal.is_of_everybody
    assert "no service has reported since" in signal.text
