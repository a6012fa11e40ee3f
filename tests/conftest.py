"""Shared by every test."""

from hypothesis import settings

# the same examples every time, and no clock: a test that fails by luck blocks everyone
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")
