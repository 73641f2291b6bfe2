"""The result of a step, apart from what the login of its SSH session printed."""

RESULT = "-- the step returned --\n"
"""The line that scripts/lib/run_step.sh prints before the result."""


def result_of(stdout: str) -> str:
    """What a step returned. Without the line it is the output of an older version of this project, as a whole."""
    _, line, result = stdout.partition(RESULT)
    return result if line else stdout
