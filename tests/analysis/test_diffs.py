"""Diffs read: what was taken away, put there, replaced, put into a loop; and that no text can take for ever."""

from watchkeeper.analysis.diffs import LONGEST_LINE, MOST_LINES, read_diff, spelled, swaps, version_step, words_of


def test_words_of_identifiers_lose_their_endings() -> None:
    assert words_of("DefaultTTL: cache_keys, batching, retries") == ["default", "ttl", "cach", "key", "batch", "retry"]


def test_words_are_spelled_as_they_stand_in_the_text() -> None:
    assert spelled(["cach", "nowhere"], "the Cache of keys") == ["cache", "nowhere"]


def test_comments_and_what_only_moved_are_left_out() -> None:
    read = read_diff("@@ a.go @@\n-// old words\n-\tx := 1\n+// new words\n+    x := 1\n")
    assert read.is_empty


def test_a_value_that_was_replaced_is_a_literal_with_its_ratio() -> None:
    (found,) = read_diff("-  DefaultTTL: 15 * time.Minute,\n+  DefaultTTL: 15 * time.Second,\n").literals
    assert (found.old, found.new, found.ratio) == ("Minute", "Second", 1 / 60)


def test_a_setting_without_quotation_marks_is_a_literal() -> None:
    (found,) = read_diff("-  read-timeout: 2000ms\n+  read-timeout: 200ms\n").literals
    assert (found.key, found.ratio) == ("read-timeout", 0.1)


def test_a_name_that_was_replaced_has_no_ratio() -> None:
    (found,) = read_diff('-  audience = "one"\n+  audience = "two"\n').literals
    assert (found.old, found.new, found.ratio) == ("one", "two", None)


def test_what_was_put_into_a_loop_is_told_from_what_stands_beside_it() -> None:
    read = read_diff(" for item in items:\n+    row = fetch(item)\n+done(row)\n")
    assert read.loops == ("row = fetch(item)",)


def test_code_that_stands_again_in_the_new_lines_was_kept() -> None:
    moved = read_diff("-    return render(page, rows)\n+    page = pick(page)\n+    return render(page, rows, page)\n")
    assert moved.kept == 1.0


def test_a_name_in_the_place_of_another_is_a_swap_unless_the_diff_declares_it() -> None:
    swapped = read_diff("-send(topic, usage.customer)\n+send(topic, usage.plan)\n")
    renamed = read_diff("-p := open(cfg)\n-use(db, p, now)\n+pool := open(cfg)\n+use(db, pool, now)\n")
    assert [pair[:2] for pair in swaps(swapped)] == [("customer", "plan")]
    assert list(swaps(renamed)) == []


def test_versions_differ_by_their_first_number_that_differs() -> None:
    assert version_step("pymongo==3.13.0", "pymongo==4.6.1") == "major"
    assert version_step("v1.2.0", "v1.3.0") == "minor"
    assert version_step("v1.2.0", "v1.2.1") == "patch"
    assert version_step("v0.8.3", "v0.9.0") == "major"
    assert version_step("one", "two") == ""


def test_a_diff_is_read_only_so_far() -> None:
    read = read_diff(f"+{'x' * 10 * LONGEST_LINE}\n" + "+y = 1\n" * 10 * MOST_LINES)
    assert len(read.added) <= MOST_LINES
    assert max(map(len, read.added)) <= LONGEST_LINE
