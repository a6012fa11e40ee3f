"""Shared by every test."""

from hypothesis import settings

from daemon.render.warm import warm_process

warm_process()  # before torch is imported, as in every process that renders: its threads must not spin while they wait

# the same examples every time, and no clock: a test that fails by luck blocks everyone
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")
