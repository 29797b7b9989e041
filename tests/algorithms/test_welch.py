"""Welch's t-test, against SciPy's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt.strategies.welch import p_above

values = st.lists(st.integers(-1000, 1000).map(lambda x: x / 16), min_size=2, max_size=12)


@pytest.mark.filterwarnings("ignore:Precision loss")
@given(ours=values, theirs=values)
def test_it_agrees_with_scipy(ours: list[float], theirs: list[float]) -> None:
    stats: Any = pytest.importorskip("scipy.stats")
    if len(set(ours)) == len(set(theirs)) == 1:
        assert p_above(ours, theirs) == (0.0 if theirs[0] > ours[0] else 1.0)
        return
    expected = stats.ttest_ind(theirs, ours, equal_var=False, alternative="greater").pvalue
    assert p_above(ours, theirs) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_too_few_values_claim_nothing() -> None:
    assert p_above([1.0], [2.0]) == 1.0
    assert p_above([1.0], [2.0, 3.0]) == 1.0
    assert p_above([1.0, 1.0], [2.0, 2.0]) == 0.0
    assert p_above([2.0, 2.0], [2.0, 2.0]) == 1.0
