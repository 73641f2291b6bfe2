"""What differs between Kubernetes versions; expected values are read from the releases that the tables name."""

from __future__ import annotations

import pytest

from components.settings import versions
from local.mirror.versions import RELEASES

MINORS = range(versions.OLDEST_MINOR, versions.NEWEST_MINOR + 1)


@pytest.mark.parametrize("minor", MINORS)
def test_every_minor_has_a_value_in_every_table(minor: int) -> None:
    """A version that settings accept never ends in a KeyError."""
    version = f"1.{minor}.0"
    assert versions.pause_tag(version)
    etcd, coredns = versions.etcd_and_coredns_tags(version)
    assert etcd.startswith("3.")
    assert coredns.startswith("v1.")
    assert versions.oldest_containerd(version) >= (1, 4)


@pytest.mark.parametrize(
    ("version", "oldest", "is_2"),
    [("1.24.3", "1.6.4", False), ("1.35.4", "1.7.28", False), ("1.36.3", "2.2.0", True), ("1.37.2", "2.2.0", True)],
)
def test_containerd_2_is_needed_where_its_makers_recommend_no_other(version: str, oldest: str, is_2: bool) -> None:
    """A minor of which they say nothing has the recommendation of the one before."""
    assert versions.recommended_containerd(version)[0] == oldest
    assert versions.needs_containerd_2(version) is is_2


@pytest.mark.parametrize("kubernetes", RELEASES)
def test_the_tables_agree_with_what_is_built_of_that_release(kubernetes: str) -> None:
    """The local mirror's versions are read from kubeadm of exactly that release."""
    built = RELEASES[kubernetes]
    assert versions.pause_tag(kubernetes) == built.pause
    assert versions.etcd_and_coredns_tags(kubernetes) == (f"{built.etcd}-0", f"v{built.coredns}")
    assert versions.etcd_and_coredns_tags_are_known(kubernetes)


@pytest.mark.parametrize(
    ("version", "tag"),
    [
        ("1.25.9", "3.8"),
        ("1.26.0", "3.9"),
        ("1.30.14", "3.9"),
        ("1.31.0", "3.10"),
        ("1.33.5", "3.10"),
        ("1.37.2", "3.10.2"),
    ],
)
def test_the_pause_image_changes_with_the_right_minor(version: str, tag: str) -> None:
    """The last minor before a change and the first one after."""
    assert versions.pause_tag(version) == tag


@pytest.mark.parametrize(
    ("version", "etcd"),
    [("1.33.0", "3.5.21-0"), ("1.33.12", "3.5.21-0"), ("1.33.14", "3.5.24-0"), ("1.34.0", "3.6.5-0")],
)
def test_a_patch_that_is_not_listed_has_the_tags_of_the_one_before_it(version: str, etcd: str) -> None:
    """And is known to be a guess: a later one may have an etcd from which an upgrade can go on."""
    assert versions.etcd_and_coredns_tags(version)[0] == etcd
    assert not versions.etcd_and_coredns_tags_are_known(version)


@pytest.mark.parametrize(("version", "api"), [("1.30.9", "v1beta3"), ("1.31.0", "v1beta4"), ("1.37.0", "v1beta4")])
def test_kubeadm_gets_the_configuration_api_that_it_does_not_warn_of(version: str, api: str) -> None:
    """1.37 no longer reads v1beta3."""
    assert versions.kubeadm_api_version(version) == f"kubeadm.k8s.io/{api}"


def test_containerd_needs_cri_v1_from_1_26_on() -> None:
    """Debian 11's containerd 1.4 serves 1.24 and 1.25."""
    assert versions.oldest_containerd("1.25.0") == (1, 4)
    assert versions.oldest_containerd("1.26.0") == (1, 6)


def test_cgroup_v1_is_refused_from_1_35_on_and_the_way_out_is_known_before() -> None:
    """A kubelet that does not know the field rejects it."""
    assert [versions.knows_fail_cgroup_v1(f"1.{minor}.0") for minor in (30, 31)] == [False, True]
    assert [versions.refuses_cgroup_v1(f"1.{minor}.0") for minor in (34, 35)] == [False, True]
