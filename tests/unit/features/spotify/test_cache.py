from stemwright.features.spotify.cache import Cache
from support.spotify import FakeTime


def test_what_is_kept_is_found_for_its_time():
    time = FakeTime()
    cache = Cache(2, time.timing.monotonic)
    cache.keep("a", 1, 10)
    time.now += 9.9
    assert cache.find("a") == 1
    time.now += 0.1
    assert cache.find("a") is None


def test_what_was_not_asked_for_longest_goes_first():
    cache = Cache(2, FakeTime().timing.monotonic)
    cache.keep("a", 1, 10)
    cache.keep("b", 2, 10)
    cache.find("a")
    cache.keep("c", 3, 10)
    assert [cache.find(key) for key in "abc"] == [1, None, 3]
