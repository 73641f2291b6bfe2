"""What holds for every test."""

from hypothesis import settings

# No files of its own beside the code, and no limit per example: the host may be busy.
settings.register_profile("project", database=None, deadline=None)
settings.load_profile("project")
