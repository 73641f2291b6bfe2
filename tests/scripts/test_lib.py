"""The functions that every step uses."""

from __future__ import annotations

import pytest

from components.host_files import File
from tests.scripts.machine import Machine

PUT = '. "$LIBRARY/lib/lib.sh"\nput "$TARGET"\necho "$PUT"\n'


def put(machine: Machine, content: str, mode: str = "0644") -> str:
    """Put a file in place; what the script saw of it."""
    machine.script("put", PUT)
    finished = machine.run(
        "put", {"TARGET": str(machine.path("/etc/deep/file"))}, [File("/etc/deep/file", content, mode)]
    )
    assert finished.status == 0, finished.stderr
    assert ("wrote" in finished.stderr) == (finished.stdout == "changed\n")
    return finished.stdout.strip()


def test_what_a_run_that_was_cut_short_began_to_remember_is_gone(machine: Machine) -> None:
    """The edit may be taken back: nothing would write it again."""
    beside = [machine.write(f"/var/lib/pulumi-kubeadm/{name}", "") for name in ("owner.new", "manifests.new/x")]
    machine.script("step", "true\n")
    assert machine.run("step").status == 0
    assert not any(path.exists() for path in beside)


def test_a_file_whose_edit_was_cut_short_and_taken_back_leaves_nothing_beside_it(machine: Machine) -> None:
    """It may be a password."""
    target = machine.write("/etc/x", "old")
    beside = machine.write("/etc/x.new", "password")
    target.chmod(0o600)
    machine.script("step", f'. "$LIBRARY/lib/lib.sh"\nput {target}\n')
    finished = machine.run("step", files=[File("/etc/x", "old", mode="0600")])
    assert (finished.status, finished.stderr) == (0, "")
    assert not beside.exists()


def test_put_writes_a_file_with_its_mode_and_the_directories_above(machine: Machine) -> None:
    """Others may enter them."""
    assert put(machine, "content\n", "0640") == "changed"
    path = machine.path("/etc/deep/file")
    assert path.read_text() == "content\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o755


def test_put_leaves_a_file_alone_that_is_as_it_should_be(machine: Machine) -> None:
    """Not even its time changes."""
    put(machine, "content\n")
    before = machine.path("/etc/deep/file").stat()
    assert put(machine, "content\n") == "same"
    after = machine.path("/etc/deep/file").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(("content", "mode"), [("other\n", "0644"), ("content", "0644"), ("content\n", "0600")])
def test_put_changes_what_differs_in_content_or_mode(machine: Machine, content: str, mode: str) -> None:
    """A missing line feed is a difference."""
    put(machine, "content\n")
    assert put(machine, content, mode) == "changed"
    path = machine.path("/etc/deep/file")
    assert (path.read_text(), path.stat().st_mode & 0o777) == (content, int(mode, 8))


def test_a_put_that_cannot_write_ends_the_step(machine: Machine) -> None:
    """Nothing that follows may rely on a file that is not there."""
    machine.write("/etc/deep", "a file where a directory should be")
    machine.script("put", PUT)
    finished = machine.run("put", {"TARGET": str(machine.path("/etc/deep/file"))}, [File("/etc/deep/file", "x")])
    assert finished.status != 0
    assert finished.stdout == ""


def test_put_is_on_the_disk_before_the_step_goes_on(machine: Machine) -> None:
    """A power cut soon after a success would leave an empty file."""
    machine.stub("sync", '[[ $1 != *.new ]] || [[ -s $1 ]] || exit 1; printf "%s " "${1##*/}" >>"$ROOT/synced"')
    put(machine, "content\n")
    assert machine.path("/synced").read_text() == "file.new deep "


def test_put_leaves_no_other_file_behind(machine: Machine) -> None:
    """Programs read every file of such a directory."""
    put(machine, "content\n")
    assert [path.name for path in machine.path("/etc/deep").iterdir()] == ["file"]


def test_wait_for_returns_as_soon_as_it_is_so(machine: Machine) -> None:
    """At the second look here."""
    machine.stub("look", '[[ $(grep --count look "$ROOT/calls") == 2 ]]')
    machine.script("wait", '. "$LIBRARY/lib/lib.sh"\nwait_for 20 "it to be so" "look" look\n')
    assert machine.run("wait").status == 0
    assert machine.calls() == ["look ", "look "]


def test_wait_for_says_at_the_end_what_it_saw(machine: Machine) -> None:
    """The last lines of what it tried."""
    machine.stub("look", "echo still not; exit 1")
    machine.script("wait", '. "$LIBRARY/lib/lib.sh"\nwait_for 1 "it to be so" "look again" look\n')
    finished = machine.run("wait")
    assert finished.status == 1
    assert finished.stderr == ("node1: wait: expected it to be so within 1 s,\n  saw still not\n  Next: look again\n")


APT = '. "$LIBRARY/lib/lib.sh"\n. "$LIBRARY/lib/packages.sh"\n'


def test_apt_get_waits_for_others_and_never_asks(machine: Machine) -> None:
    """unattended-upgrades holds the lock on a fresh machine; needrestart would restart services of a node."""
    machine.stub("apt-get", "[[ $DEBIAN_FRONTEND == noninteractive && -n $NEEDRESTART_SUSPEND ]]")
    machine.script("install", APT + "apt_get install thing\n")
    assert machine.run("install").status == 0
    (call,) = machine.calls()
    assert "DPkg::Lock::Timeout=" in call
    assert call.endswith(" install thing")


def test_apt_get_shows_its_errors_and_nothing_else(machine: Machine) -> None:
    """Out of a long output."""
    machine.stub("apt-get", "echo Reading lists; echo 'E: Unable to locate package thing'; exit 100")
    machine.script("install", APT + "apt_get install thing\n")
    finished = machine.run("install")
    assert finished.status == 1
    assert "saw E: Unable to locate package thing\n" in finished.stderr
    assert "Reading lists" not in finished.stderr


@pytest.mark.parametrize("lock", ["/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"])
def test_another_reader_of_the_package_lists_is_waited_for_until_a_time_is_over(machine: Machine, lock: str) -> None:
    """apt-daily reads and cleans up after a boot, and apt-get gives up at once, whatever DPkg::Lock::Timeout says."""
    busy = f"echo 'E: Could not get lock {lock}. It is held by process 1 (apt-get)'; exit 100"
    machine.stub("apt-get", f'[[ -e $ROOT/free ]] || {{ touch "$ROOT/free"; {busy}; }}')
    machine.script("install", APT + "apt_get update\n")
    assert machine.run("install").status == 0
    assert len(machine.calls()) == 2
    machine.stub("apt-get", busy)
    machine.replace("lib/dpkg", "APT_LOCK_SECONDS=600", "APT_LOCK_SECONDS=1")
    finished = machine.run("install")
    assert finished.status == 1
    assert "held by process 1" in finished.stderr


INTERRUPTED = "echo \"E: dpkg was interrupted, you must manually run 'dpkg --configure -a'\"; exit 100"


def test_packages_that_a_killed_run_left_half_installed_are_installed(machine: Machine) -> None:
    """An apt-get that lost its power, or reached the time limit of its step."""
    machine.stub("apt-get", f"[[ -e $ROOT/finished ]] || {{ {INTERRUPTED}; }}")
    machine.stub("dpkg", 'touch "$ROOT/finished"')
    machine.script("install", APT + "apt_get install thing\n")
    finished = machine.run("install")
    assert (finished.status, finished.stderr) == (0, "node1: packages that were half installed are installed\n")
    first, mended, second = machine.calls()
    assert first == second
    assert mended == "dpkg --force-confold --configure -a"


@pytest.mark.parametrize("body", ["echo 'dpkg: error processing package thing (--configure):'; exit 1", "true"])
def test_packages_that_cannot_be_installed_are_named_with_the_way_out(machine: Machine, body: str) -> None:
    """Tried once."""
    machine.stub("apt-get", INTERRUPTED)
    machine.stub("dpkg", body)
    machine.script("install", APT + "apt_get install thing\n")
    finished = machine.run("install")
    assert finished.status == 1
    assert "dpkg --configure -a" in finished.stderr
    assert ("processing package thing" in finished.stderr) == (body != "true")
    assert len([call for call in machine.calls() if call.startswith("dpkg ")]) == 1


LEFTOVERS = '. "$LIBRARY/lib/lib.sh"\nremove_leftovers\nfor file in $FILES; do put "$file"; done\n'


def put_all(machine: Machine, step: str, *paths: str) -> list[str]:
    """Run a step that puts these files, and nothing else, and return what it says."""
    machine.script(step, LEFTOVERS)
    values = {"FILES": " ".join(str(machine.path(path)) for path in paths)}
    finished = machine.run(step, values, [File(path, "x\n") for path in paths])
    assert finished.status == 0, finished.stderr
    return finished.stderr.splitlines()


def test_what_a_step_puts_again_is_not_removed_meanwhile(machine: Machine) -> None:
    """Not even when it is the only step that ran so far: /etc/hosts would be gone."""
    put_all(machine, "one", "/etc/a")
    assert put_all(machine, "one", "/etc/a") == []


def test_what_a_step_put_and_the_stack_does_not_ask_for_any_more_goes(machine: Machine) -> None:
    """A file that somebody else wrote stays."""
    machine.write("/etc/of-others", "")
    put_all(machine, "one", "/etc/a", "/etc/b")
    put_all(machine, "one", "/etc/b")
    assert not machine.path("/etc/a").exists()
    assert machine.path("/etc/b").exists()
    assert machine.path("/etc/of-others").exists()


@pytest.mark.parametrize("program", ["sort", "find", "comm"])
def test_nothing_is_removed_where_it_is_not_known_what_the_step_puts(machine: Machine, program: str) -> None:
    """A program that is killed leaves an empty list: each file of the step would go."""
    put_all(machine, "one", "/etc/a")
    machine.stub(program, "kill -9 $$")
    values = {"FILES": str(machine.path("/etc/a"))}
    finished = machine.run("one", values, [File("/etc/a", "x\n")])
    assert finished.status == 137
    assert machine.path("/etc/a").exists()
    assert "node1: removed" not in finished.stderr


def test_a_list_of_files_is_there_as_a_whole_or_not_at_all(machine: Machine) -> None:
    """What is missing on it is a leftover for ever."""
    put_all(machine, "one", "/etc/a", "/etc/b")
    source, target = machine.root / "source", machine.path("/var/lib/pulumi-kubeadm/files/one")
    machine.stub("mv", f'[[ $2 != {target} ]] || printf "%s" "$1" >{source}\nexec /bin/mv "$@"')
    put_all(machine, "one", "/etc/b")
    assert source.read_text() == str(machine.path("/var/lib/pulumi-kubeadm/files.new")), "of another file system"
    assert target.read_text() == f"{machine.path('/etc/b')}\n"


def test_a_file_that_another_step_puts_now_stays(machine: Machine) -> None:
    """A registry that got a password, or lost it, in whichever order the steps run."""
    put_all(machine, "one", "/etc/a")
    put_all(machine, "two", "/etc/a")
    put_all(machine, "one", "/etc/b")
    assert machine.path("/etc/a").exists()
    put_all(machine, "one", "/etc/a")
    put_all(machine, "two")
    assert machine.path("/etc/a").exists()
    put_all(machine, "one")
    assert not machine.path("/etc/a").exists()


def test_a_command_that_fails_in_a_substitution_ends_the_step(machine: Machine) -> None:
    """Although another one follows it there, which succeeds."""
    machine.script("step", '. "$LIBRARY/lib/lib.sh"\ntwo() {\n  false\n  echo two\n}\nx=$(two)\necho "$x"\n')
    finished = machine.run("step")
    assert (finished.status, finished.stdout) == (1, "")
    assert "expected `x=$(two)` to succeed" in finished.stderr


def test_a_clock_that_is_set_ends_no_wait(machine: Machine) -> None:
    """bash counts SECONDS by it; the time since the start of the machine goes on as before."""
    machine.stub("look", '[[ $(grep --count look "$ROOT/calls") == 2 ]]')
    stepped = "SECONDS=$((SECONDS + 3600))"
    machine.script(
        "wait", f'. "$LIBRARY/lib/lib.sh"\nlooks() {{\n  {stepped}\n  look\n}}\nwait_for 20 "it" "look" looks\n'
    )
    assert machine.run("wait").status == 0
    assert machine.calls() == ["look ", "look "]


def test_a_wait_ends_when_the_machine_ran_for_so_long(machine: Machine) -> None:
    """Whatever the clock says."""
    uptime = machine.path("/proc/uptime")
    uptime.unlink()
    machine.write("/proc/uptime", "100.97 1.0\n")
    machine.stub("look", 'echo 140.02 1.0 >"$ROOT/proc/uptime"; exit 1')
    machine.script("wait", '. "$LIBRARY/lib/lib.sh"\nwait_for 40 "it" "look" look\n')
    assert machine.run("wait").status == 1
    assert machine.calls() == ["look ", "look "], "once more for the message"


def test_a_request_to_the_api_has_a_limit(machine: Machine) -> None:
    """Also where a wait makes it."""
    machine.stub("kubectl")
    machine.script("step", '. "$LIBRARY/lib/lib.sh"\nwait_for 1 "it" "look" kubectl get node\nkubectl delete node x\n')
    assert machine.run("step").status == 0
    assert machine.calls() == ["kubectl get node --request-timeout=20s", "kubectl delete node x --request-timeout=20s"]
