"""The result of a step, apart from what the login of its SSH session printed."""

RESULT = "-- result of the step --\n"
"""The line that scripts/lib/run_step.sh prints before the result."""
END = "-- end of the result --"
"""The line behind the result, without the end of the line, which the command provider takes away."""
RESULT_WITHOUT_END = "-- the step returned --\n"
"""The line before the result of an older version, which printed none behind it."""


def result_of(stdout: str) -> str:
    """The result in the output of a step: the whole output of an older version, which printed no such lines."""
    for line in (RESULT, RESULT_WITHOUT_END):
        _, found, result = stdout.partition(line)
        if found:
            return result.partition(END)[0]
    return stdout


def is_cut_off(stdout: str) -> bool:
    """True for an output whose end did not arrive, or nothing of it: a step that returns nothing prints both lines."""
    _, found, result = stdout.partition(RESULT)
    return END not in result if found else not stdout
