"""A sample of `make crash-points`: each step, a few points of some disturbances; and what a sweep can find."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.crash_points.compare import BUNDLES
from tests.crash_points.scenarios import Scenario
from tests.crash_points.scenarios_of_data import ALL
from tests.crash_points.snapshot import taken
from tests.crash_points.sweep import ENDS_AT_ONCE, OF_TRACER, Kind, Sweep
from tests.crash_points.tracer import IS_SUPPORTED, Tracer
from tests.crash_points.world import World
from tests.scripts.bundles import FILES, bundle

KINDS = [kind for kind in Kind if IS_SUPPORTED or kind not in OF_TRACER]


def sample(number: int) -> list[Kind]:
    """Two kinds of disturbance; the next scenario has others."""
    return [KINDS[(number + shift) % len(KINDS)] for shift in (0, 4)]


@pytest.mark.parametrize(
    ("scenario", "kinds"),
    [(scenario, sample(number)) for number, scenario in enumerate(ALL)],
    ids=[scenario.name for scenario in ALL],
)
def test_a_step_that_is_disturbed_comes_to_its_end(scenario: Scenario, kinds: list[Kind], tmp_path: Path) -> None:
    """By another run, or by a repair after its edit was taken back; and none reports success with another end."""
    sweep = Sweep(scenario, tmp_path / "sweep")
    for kind in kinds:
        points = sweep.points(kind)
        if points:
            assert sweep.findings(kind, points[len(points) * 2 // 3]) == [], kind
    if IS_SUPPORTED:
        assert sweep.recorded.too_early == []


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (bundle(), "whole"),
        (bundle()[:-9], "not whole"),
        (bundle(FILES, level=0).replace(b"old\n", b"new\n"), "not whole"),
        (bundle({"about": FILES["about"]}), "not whole"),
        (b"", "not whole"),
    ],
)
def test_a_bundle_is_compared_by_whether_it_is_whole(tmp_path: Path, content: bytes, seen: str) -> None:
    """Its bytes have the time of the run."""
    file = tmp_path / BUNDLES / "dev.bundle"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert taken(tmp_path).state[BUNDLES + "dev.bundle"].split(" ", 1)[1] == seen


needs_tracer = pytest.mark.skipif(not IS_SUPPORTED, reason="the tracer knows one architecture")


@dataclasses.dataclass(frozen=True)
class Fault:
    """A script without a protection, and what a sweep says of it.

    Attributes:
        scenario: where it matters.
        kind: the disturbance.
        changes: file, text and its replacement.
        found: in a finding.
    """

    scenario: str
    kind: Kind
    changes: tuple[tuple[str, str, str], ...]
    found: str


LOG_OF_STEP = ("lib/run_step", ' 2>"$STAGING/log" || status', " || status")
EMPTY_LOG = ("lib/run_step", "  began=$(uptime_seconds)", '  began=$(uptime_seconds); : >"$STAGING/log"')
FAULTS = {
    "the token stays": Fault(
        "join-create", Kind.TORN, (("lib/joining", 'rm -f "$DISCOVERY"', ":"),), "discovery.conf: expected 'nothing'"
    ),
    "no sync before the mark goes": Fault(
        "join-create", Kind.UNSYNCED, (("lib/joining", "  sync_kubeadm_files\n", ""),), "run again: status 1"
    ),
    "a mark before its change": Fault(
        "join-verify-kubelet",
        Kind.KILLED,
        (
            (
                "parts/join/worker",
                '  forget "$KUBELET_CONFIGURATION_MARK"\n  forget_written',
                '  remember "$KUBELET_CONFIGURATION_MARK" "$KUBELET_CONFIGURATION_SHA256"\n  forget_written',
            ),
        ),
        "world/running/kubelet: expected",
    ),
    "a step prints to its session": Fault(
        "join-create", Kind.CLOSED, (LOG_OF_STEP, EMPTY_LOG), "the step began, and did not go to its end"
    ),
}


@needs_tracer
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_sweep_finds_what_a_missing_protection_leaves_behind(tmp_path: Path, fault: Fault) -> None:
    """At one point at least."""

    def without_protection(world: World) -> None:
        scenario.arrange(world)
        for change in fault.changes:
            world.machine.replace(*change)
        world.machine.install()

    (scenario,) = [each for each in ALL if each.name == fault.scenario]
    sweep = Sweep(dataclasses.replace(scenario, arrange=without_protection, repair=()), tmp_path / "sweep")
    findings = [each for point in sweep.points(fault.kind) for each in sweep.findings(fault.kind, point)]
    assert any(fault.found in each for each in findings)


@needs_tracer
@pytest.mark.parametrize("kind", ENDS_AT_ONCE)
def test_what_is_recorded_is_what_a_run_leaves_that_ends_there(tmp_path: Path, kind: Kind) -> None:
    """At points of the whole run, inside writes too."""
    (join,) = [each for each in ALL if each.name == "join-create"]
    sweep = Sweep(join, tmp_path / "sweep")
    points = sweep.points(kind)
    for point in points[len(points) // 6 :: len(points) // 5]:
        real = sweep.really_disturbed(kind, point)
        assert real.differs_from_state(sweep.disturbed(kind, point).left) == [], point


@needs_tracer
def test_a_session_that_closes_is_noticed_only_by_a_line_that_nobody_reads(tmp_path: Path) -> None:
    """So one point between two lines stands for all of them: here a first one, and the one that is tried."""
    (join,) = [each for each in ALL if each.name == "join-create"]
    sweep = Sweep(join, tmp_path / "sweep")
    tried = sweep.points(Kind.CLOSED)
    for first, point in zip([1, *(each + 1 for each in tried)], tried, strict=False):
        ends = [sweep.really_disturbed(Kind.CLOSED, each) for each in (first, point)]
        assert ends[0].differs_from(ends[1]) == []


SCRIPT = "cd etc; echo hello >a; echo abcdef >b.new; sync b.new; mv b.new b; rm a\n"


@needs_tracer
@pytest.mark.parametrize(
    ("point", "loses_unsynced", "left"),
    [
        (2, False, {"a": "hel"}),
        (4, False, {"a": "hello\n", "b.new": "abc"}),
        (5, True, {"a": "", "b.new": ""}),
        (6, True, {"a": "", "b.new": "abcdef\n"}),
        (7, True, {"a": "", "b": "abcdef\n"}),
        (99, True, {"b": "abcdef\n"}),
    ],
)
def test_a_traced_run_ends_at_its_point(
    tmp_path: Path, point: int, *, loses_unsynced: bool, left: dict[str, str]
) -> None:
    """Inside a write half of it is there; what nobody synced is lost."""
    (tmp_path / "etc").mkdir()
    finished = Tracer(tmp_path, point, loses_unsynced=loses_unsynced).run(["bash", "-es"], SCRIPT)
    assert {path.name: path.read_text() for path in (tmp_path / "etc").iterdir()} == left
    assert finished.status == (0 if point == 99 else -9)


@needs_tracer
@pytest.mark.parametrize(
    ("script", "found"),
    [
        (SCRIPT, []),
        (SCRIPT.replace("sync b.new", "sync a"), ["etc/b"]),
        ("cd etc; mkdir d.new; echo a >d.new/a; mv d.new d", ["etc/d/a"]),
    ],
)
def test_a_file_that_has_its_name_before_its_content_is_found(tmp_path: Path, script: str, found: list[str]) -> None:
    """Whatever point a sweep tries: each run that is recorded is looked at."""
    (tmp_path / "etc").mkdir()
    tracer = Tracer(tmp_path, 0)
    assert tracer.run(["bash", "-es"], script).status == 0
    assert tracer.too_early == [str(tmp_path / name) for name in found]


@needs_tracer
@pytest.mark.parametrize(
    ("point", "loses_unsynced", "left"),
    [
        (3, False, "here\nhel"),
        (4, True, "here\n"),
        (5, True, "here\nhello\n"),
        (6, False, "here\nhello\nwor"),
        (8, True, "here\nhello\n"),
    ],
)
def test_what_is_appended_is_lost_and_not_what_was_there(
    tmp_path: Path, point: int, *, loses_unsynced: bool, left: str
) -> None:
    """Of the file's own, and of what was synced before."""
    file = tmp_path / "etc" / "a"
    file.parent.mkdir()
    file.write_text("here\n")
    script = "cd etc; touch a; echo hello >>a; sync a; echo world >>a; mv a b; mv b a\n"
    Tracer(tmp_path, point, loses_unsynced=loses_unsynced).run(["bash", "-es"], script)
    assert next(file.parent.iterdir()).read_text() == left


@needs_tracer
@pytest.mark.parametrize(
    ("point", "left"), [(1, {"a": ""}), (2, {"a": "hello\n", "b.new": ""}), (3, {"b": "abcdef\n"})]
)
def test_a_full_disk_takes_no_content(tmp_path: Path, point: int, left: dict[str, str]) -> None:
    """Each write fails, and the run goes on to see it."""
    (tmp_path / "etc").mkdir()
    finished = Tracer(tmp_path, point, is_full=True).run(["bash", "-es"], SCRIPT)
    assert {path.name: path.read_text() for path in (tmp_path / "etc").iterdir()} == left
    assert (finished.status == 0) == (point == 3)
    assert ("No space left on device" in finished.stderr) == (point < 3)
