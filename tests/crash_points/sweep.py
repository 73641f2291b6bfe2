"""A scenario at all of its points: the run is disturbed, what follows is plain, and the ends are compared."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from tests.crash_points.compare import State, differences, state_of
from tests.crash_points.scenarios import Scenario
from tests.crash_points.tracer import Tracer
from tests.crash_points.world import Run, World
from tests.scripts.machine import Finished, until

POINTS = Path(__file__).parent / "points.sh"


class Kind(StrEnum):
    """How a run is disturbed."""

    KILLED = "killed"
    TORN = "torn"
    UNSYNCED = "unsynced"
    FULL = "full"
    CLOSED = "closed"
    REFUSED = "refused"
    ERROR = "error"
    HANGING = "hanging"
    SILENT = "silent"
    LOST = "lost"


OF_TRACER = (Kind.TORN, Kind.UNSYNCED, Kind.FULL)
OF_API = (Kind.REFUSED, Kind.ERROR, Kind.HANGING, Kind.SILENT, Kind.LOST)


@dataclass(frozen=True)
class End:
    """How a run ended, and what is on the machine."""

    finished: Finished
    state: State

    def differs_from(self, expected: End) -> list[str]:
        """Where this end is not the expected one."""
        if self.finished.status != expected.finished.status:
            return [f"status {self.finished.status}: {self.finished.stderr}"]
        said = [f"returned {self.finished.stdout!r}"] if self.finished.stdout != expected.finished.stdout else []
        return said + self.differs_from_state(expected.state)

    def differs_from_state(self, expected: State) -> list[str]:
        """Where the machine is not as expected."""
        return differences(expected, self.state)


class Sweep:
    """A scenario on a machine of its own."""

    def __init__(self, scenario: Scenario, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.scenario = scenario
        self._directory = directory
        self._world = World(directory / "world", has_cluster_elsewhere=scenario.host != "node1")
        for run in scenario.before:
            finished = self._plain(run).finished
            assert finished.status == 0, f"{finished.stderr}{run.text}"
        scenario.arrange(self._world)
        self._world.save()
        self._before = state_of(self._world.machine.root)
        self._judged: dict[str, list[str]] = {}

    def _relocated(self, run: Run) -> Run:
        return Run(self._world.machine.relocated(run.text), run.mode)

    def _plain(self, run: Run) -> End:
        finished = self._world.run(self._relocated(run))
        return End(finished, state_of(self._world.machine.root))

    @cached_property
    def undisturbed(self) -> End:
        """The end of the run, and of another one after it."""
        self._world.restore()
        first, again = self._plain(self.scenario.run), self._plain(self.scenario.run)
        assert first.finished.status == 0, first.finished.stderr
        assert differences(first.state, again.state) == []
        return again

    @cached_property
    def taken_back(self) -> End:
        """The end of a repair after a run that did not begin."""
        self._world.restore()
        return self._repair()

    def _repair(self) -> End:
        for run in self.scenario.repair:
            end = self._plain(run)
            if end.finished.status != 0:
                break
        return end

    def points(self, kind: Kind) -> int:
        """The number of points of a kind, in an undisturbed run."""
        return self._disturbed(kind, 0)[1]

    def _disturbed(self, kind: Kind, point: int) -> tuple[End, int]:
        """The end of a run that is disturbed at a point, and the number of points that it met."""
        self._world.restore()
        self._world.machine.path("/world/requests").unlink(missing_ok=True)
        run = self._relocated(self.scenario.run)
        if kind in OF_TRACER:
            root, is_full = self._world.machine.root, kind is Kind.FULL
            tracer = Tracer(root, point, loses_unsynced=kind is Kind.UNSYNCED, is_full=is_full)
            finished, points = self._world.run_traced(run, tracer), tracer.points
        elif kind in OF_API:
            finished = self._world.run(run, {"API_KIND": kind, "API_AT": str(point)})
            requests = self._world.machine.path("/world/requests")
            points = len(requests.read_text()) if requests.exists() else 0
        else:
            finished = self._at_command(kind, point, run)
            points = len((self._directory / "points").read_text())
        return End(finished, state_of(self._world.machine.root)), points

    def _at_command(self, kind: Kind, point: int, run: Run) -> Finished:
        for name in ("points", "reached", "closed"):
            (self._directory / name).unlink(missing_ok=True)
        environment = {
            "BASH_ENV": str(POINTS),
            "CRASH_KIND": kind,
            "CRASH_AT": str(point),
            "CRASH_DIRECTORY": str(self._directory),
        }
        return self._closed(run, environment) if kind is Kind.CLOSED and point else self._world.run(run, environment)

    def _closed(self, run: Run, environment: Mapping[str, str]) -> Finished:
        """A run whose pipes are closed at a point, as sshd closes them."""

        def close(process: subprocess.Popen[str]) -> None:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            process.stdin.write(run.text)
            process.stdin.flush()
            until((self._directory / "reached").exists)
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()
            (self._directory / "closed").touch()

        return self._world.run(run, environment, close)

    def findings(self, kind: Kind, point: int) -> list[str]:
        """What is wrong after a disturbance: a success with another end, or an end that is not mended afterwards."""
        disturbed, _ = self._disturbed(kind, point)
        # A state that was met before was judged before.
        key = repr(sorted(disturbed.state.items()))
        if key not in self._judged:
            self._judged[key] = list(self._mended(kind, point))
        found = list(self._judged[key])
        if kind is Kind.CLOSED:
            if min(len(disturbed.differs_from_state(end)) for end in (self._before, self.undisturbed.state)) > 0:
                found.append("the step began, and did not go to its end")
        elif disturbed.finished.status == 0:
            found += [f"success: {each}" for each in disturbed.differs_from(self.undisturbed)]
        return found

    def _mended(self, kind: Kind, point: int) -> Iterator[str]:
        yield from (f"run again: {each}" for each in self._plain(self.scenario.run).differs_from(self.undisturbed))
        if self.scenario.repair:
            self._disturbed(kind, point)
            yield from (f"repair: {each}" for each in self._repair().differs_from(self.taken_back))
