"""How the server shares out queues: as the Java client's own strategies do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.doors.remoting import assignments

COUNTS = st.integers(0, 64), st.integers(1, 20)


@pytest.mark.parametrize(
    ("strategy", "shares"),
    [(assignments.average, [[0, 1, 2], [3, 4, 5], [6, 7]]), (assignments.circle, [[0, 3, 6], [1, 4, 7], [2, 5]])],
)
def test_eight_queues_for_three_members(strategy: "assignments.Strategy", shares: list[list[int]]) -> None:
    assert [strategy(8, 3, index) for index in range(3)] == shares


@given(*COUNTS, st.sampled_from([assignments.average, assignments.circle]))
def test_each_queue_has_one_member_and_shares_differ_by_one(
    count: int, members: int, strategy: "assignments.Strategy"
) -> None:
    shares = [strategy(count, members, index) for index in range(members)]
    assert sorted(queue for share in shares for queue in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
