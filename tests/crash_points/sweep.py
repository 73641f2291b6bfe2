"""A scenario at all of its points: the run is disturbed, the runs after it are not, and the ends are compared."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from tests.crash_points.compare import differences
from tests.crash_points.recorder import STAGING, Recorder
from tests.crash_points.scenarios import Scenario
from tests.crash_points.snapshot import Snapshot
from tests.crash_points.tracer import IS_SUPPORTED, Tracer
from tests.crash_points.world import Run, World
from tests.scripts.machine import Finished, until

REQUESTS = "world/requests"
POINTS = Path(__file__).parent / "points.sh"


class Kind(StrEnum):
    """Kind of disturbance of a run."""

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


ENDS_AT_ONCE = (Kind.KILLED, Kind.TORN, Kind.UNSYNCED)
OF_TRACER = (Kind.TORN, Kind.UNSYNCED, Kind.FULL)
OF_API = (Kind.REFUSED, Kind.ERROR, Kind.HANGING, Kind.SILENT, Kind.LOST)


@dataclass(frozen=True)
class End:
    """Result of a run, and the files of the machine after it."""

    finished: Finished
    left: Snapshot

    def differs_from(self, expected: End) -> list[str]:
        """Differences from the expected end."""
        if self.finished.status != expected.finished.status:
            return [f"status {self.finished.status}: {self.finished.stderr}"]
        output = [f"returned {self.finished.stdout!r}"] if self.finished.stdout != expected.finished.stdout else []
        return output + self.differs_from_state(expected.left)

    def differs_from_state(self, expected: Snapshot) -> list[str]:
        """Differences of the machine from the expected one."""
        return differences(expected.state, self.left.state)


KILLED = Finished(-signal.SIGKILL, "", "")
"""Result of a run that is killed."""


def requests_to(machine: Snapshot) -> int:
    """Number of requests to the API of a machine."""
    return len(machine.files.get(REQUESTS, (0, b""))[1])


class Sweep:
    """A scenario on a machine of its own. A run that begins with the same files as an earlier one has the same end."""

    def __init__(self, scenario: Scenario, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.scenario = scenario
        self._directory = directory
        self._world = World(directory / "world", has_cluster_elsewhere=scenario.host != "node1")
        self._ends: dict[tuple[str, Run], End] = {}
        for run in scenario.before:
            finished = self._plain(run, self._world.now).finished
            assert finished.status == 0, f"{finished.stderr}{run.text}"
        scenario.arrange(self._world)
        self._ends.clear()  # what was arranged may be in the scripts
        self._before = self._world.look()
        self._judged: dict[str, list[str]] = {}

    def _relocated(self, run: Run) -> Run:
        return Run(self._world.machine.relocated(run.text), run.mode)

    def _plain(self, run: Run, begin: Snapshot) -> End:
        key = begin.key, run
        if key not in self._ends:
            self._world.restore(begin)
            finished = self._world.run(self._relocated(run))
            self._ends[key] = End(finished, self._world.look())
        return self._ends[key]

    @cached_property
    def undisturbed(self) -> End:
        """The end of the run, which is also the end of a second run after it."""
        first = self._plain(self.scenario.run, self._before)
        again = self._plain(self.scenario.run, first.left)
        assert first.finished.status == 0, first.finished.stderr
        assert again.differs_from_state(first.left) == []
        return again

    @cached_property
    def taken_back(self) -> End:
        """The end of a repair after a run that did not begin."""
        return self._repair(self._before)

    def _repair(self, begin: Snapshot) -> End:
        for run in self.scenario.repair:
            end = self._plain(run, begin)
            begin = end.left
            if end.finished.status != 0:
                break
        return end

    @cached_property
    def recorded(self) -> Recorder:
        """An undisturbed run, with the machine at each of its points."""
        self._begin()
        recorder = Recorder(self._world.machine.root, 0, marker=self._directory / "points")
        run = self._relocated(self.scenario.run)
        finished = self._world.run_traced(run, recorder, self._environment(Kind.KILLED, 0))
        assert End(finished, self._world.look()).differs_from_state(self.undisturbed.left) == []
        return recorder

    def points(self, kind: Kind) -> list[int]:
        """The points of a kind in an undisturbed run, counted from 1; of equal points a single one."""
        if kind in OF_API:
            return list(range(1, self._requests + 1))
        if not IS_SUPPORTED:
            self.disturbed(kind, 0)
            return list(range(1, len((self._directory / "points").read_text()) + 1))
        if kind is Kind.FULL:
            return list(range(1, self.recorded.allocations + 1))
        if kind is Kind.CLOSED:
            # A run notices that its pipes are closed when it prints: between two lines it does not matter where.
            return sorted({printed: point for point, printed in enumerate(self.recorded.printed, 1)}.values())
        return list(range(1, len(self._snapshots(kind)) + 1))

    def met(self, kind: Kind) -> int:
        """The number of points of a kind that an undisturbed run meets."""
        return len(self.recorded.killed) if IS_SUPPORTED and kind is Kind.CLOSED else len(self.points(kind))

    @cached_property
    def _requests(self) -> int:
        """The number of requests to the API."""
        first = self._plain(self.scenario.run, self._before)
        return requests_to(first.left) - requests_to(self._before)

    def _snapshots(self, kind: Kind) -> list[Snapshot]:
        return {
            Kind.KILLED: self.recorded.killed,
            Kind.TORN: self.recorded.torn,
            Kind.UNSYNCED: self.recorded.cut_off,
        }[kind]

    def _begin(self) -> None:
        self._world.restore(self._before.without(REQUESTS))
        for name in ("points", "reached", "closed"):
            (self._directory / name).unlink(missing_ok=True)

    def disturbed(self, kind: Kind, point: int) -> End:
        """The end of a run that is disturbed at a point; the recorded one for a run that ends there at once."""
        if IS_SUPPORTED and kind in ENDS_AT_ONCE:
            return End(KILLED, self._snapshots(kind)[point - 1])
        return self.really_disturbed(kind, point)

    def really_disturbed(self, kind: Kind, point: int) -> End:
        """The end of a run that is disturbed at a point, from a real run."""
        self._begin()
        run = self._relocated(self.scenario.run)
        if kind in OF_TRACER:
            root, is_full = self._world.machine.root, kind is Kind.FULL
            tracer = Tracer(root, point, loses_unsynced=kind is Kind.UNSYNCED, is_full=is_full)
            finished = self._world.run_traced(run, tracer)
        elif kind in OF_API:
            finished = self._world.run(run, {"API_KIND": kind, "API_AT": str(point)})
        elif kind is Kind.CLOSED and point:
            finished = self._closed(run, self._environment(kind, point))
        else:
            finished = self._world.run(run, self._environment(kind, point))
        return End(finished, self._world.look())

    def _environment(self, kind: Kind, point: int) -> dict[str, str]:
        return {
            "BASH_ENV": str(POINTS),
            "CRASH_KIND": kind,
            "CRASH_AT": str(point),
            "CRASH_DIRECTORY": str(self._directory),
        }

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
        """Problems after a disturbance: a success with another end, or an end that no later run mends."""
        disturbed = self.disturbed(kind, point)
        # A state that was met before was judged before. Files that lay ready for the run are deleted by the next one,
        # before it reads any: states that differ in nothing else are one.
        key = disturbed.left.without(STAGING).key
        if key not in self._judged:
            self._judged[key] = list(self._mended(disturbed.left))
        found = list(self._judged[key])
        if kind is Kind.CLOSED:
            if min(len(disturbed.differs_from_state(end)) for end in (self._before, self.undisturbed.left)) > 0:
                found.append("the step began, and did not go to its end")
        elif disturbed.finished.status == 0:
            found += [f"success: {each}" for each in disturbed.differs_from(self.undisturbed)]
        return found

    def _mended(self, left: Snapshot) -> Iterator[str]:
        again = self._plain(self.scenario.run, left)
        yield from (f"run again: {each}" for each in again.differs_from(self.undisturbed))
        if self.scenario.repair:
            yield from (f"repair: {each}" for each in self._repair(left).differs_from(self.taken_back))
