"""What `recado bench delivery` reads out of the instants at which a provider took messages."""

from benchmarks.arrivals import each_second, most_within, steady_rate


def test_the_most_within_a_second_is_found_wherever_it_begins() -> None:
    # Two whole seconds with two each; from 0.6 to 1.5 there are three.
    assert most_within([0.0, 0.6, 1.1, 1.5], 1.0) == 3


def test_what_is_exactly_a_span_apart_is_not_within_it() -> None:
    assert most_within([0.0, 0.3, 0.6], 0.3) == 1


def test_nothing_is_within_anything_when_nothing_came() -> None:
    assert most_within([], 1.0) == 0


def test_whole_seconds_count_from_the_beginning_and_end_with_the_span() -> None:
    assert each_second([0.5, 1.0, 1.9, 2.5, 4.0], began=1.0, seconds=3) == [2, 1, 0]


def test_the_steady_rate_leaves_out_a_slow_start_and_a_slow_end() -> None:
    slow_start = [0.0, 5.0]
    middle = [10 + number / 10 for number in range(4)]
    slow_end = [15.0, 20.0]
    assert round(steady_rate(slow_start + middle + slow_end)) == 10


def test_too_few_arrivals_have_no_rate() -> None:
    assert steady_rate([]) == 0.0
    assert steady_rate([1.0]) == 0.0
