"""The result of a step, apart from what the login of its SSH session printed."""

RESULT = "-- the step returned --\n"
"""The line that scripts/lib/run_step.sh prints before the result."""


def result_of(stdout: str) -> str:
    """The result in the output of a step: the whole output of an older version, which printed no such line."""
    _, line, result = stdout.partition(RESULT)
    return result if line else stdout
