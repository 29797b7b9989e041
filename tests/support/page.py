"""The page as `make page` builds it."""

from __future__ import annotations

import pytest

from pbt.views.built import is_built


def need_page() -> None:
    """Skip the test where the page is not built; CI builds it, and forbids the skip."""
    if not is_built():
        pytest.skip("the page is not built: make page")
