"""The same examples in every run, and no deadline: the machine may be busy."""

from hypothesis import settings

settings.register_profile("project", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("project")
