"""How many examples a test of foreign input tries: few in the suite, as many as wanted with
`--hypothesis-profile long`."""

from __future__ import annotations

from hypothesis import settings

_USUAL = 100


def examples(count: int) -> settings:
    """A test's own number of examples, in proportion to the profile's."""
    profile = settings.default
    assert profile is not None
    return settings(max_examples=max(1, count * profile.max_examples // _USUAL))
