"""States of real machines that a small Debian lacks; the machines of the end-to-end tests have all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """A state that a new machine gets once.

    Attributes:
        known_from: kinds of machines with the state, and the failure on them.
        script: bash that root runs to make the state.
        look: bash that root runs, and that succeeds on a machine with the state.
    """

    known_from: str
    script: str
    look: str


UNFRIENDLY = {
    "no programs that scripts need": State(
        "small installations and images of clouds: a join ended with `curl: command not found`",
        # Their packages lie on the machine's disk: INSTALLABLE in root_file_system.py.
        "dpkg --purge curl openssl ca-certificates",
        "! command -v curl && ! command -v openssl && ! command -v update-ca-certificates",
    ),
    "a shell that prints": State(
        "machines that greet: the greeting stood in the kubeconfig, and SFTP ended with `packet too long`",
        """sed --in-place '1i echo "Welcome to $(hostname): $(uptime --pretty)"' /home/debian/.bashrc""",
        # As sshd starts it.
        "env --ignore-environment HOME=/home/debian SSH_CLIENT='192.0.2.1 1 22' PATH=/usr/bin:/bin bash -c true |"
        " grep '^Welcome'",
    ),
    "a proxy": State(
        "offices: requests to the API went through the proxy, and the pods of the control plane had its variables. Here"
        " nobody answers there: whoever uses it fails. Packages come over HTTP, for which no proxy is named",
        r"""
        printf '%s=http://192.0.2.99:3128\n' https_proxy HTTPS_PROXY >>/etc/environment
        echo 'Defaults env_keep += "https_proxy HTTPS_PROXY"' >/etc/sudoers.d/proxy
        chmod 0440 /etc/sudoers.d/proxy
        """,
        "su --login debian --command 'sudo -n printenv https_proxy HTTPS_PROXY' | grep --fixed-strings 192.0.2.99",
    ),
    "sudo that logs": State(
        "machines that are audited: sudo stands between the session and the step, and writes down what is printed",
        r"""
        printf 'Defaults %s\n' use_pty log_output logfile=/var/log/sudo.log >/etc/sudoers.d/logging
        chmod 0440 /etc/sudoers.d/logging
        """,
        "su debian --command 'sudo -n echo heard' && grep COMMAND= /var/log/sudo.log &&"
        " find /var/log/sudo-io -type f | grep .",
    ),
    "a disk for etcd": State(
        "machines with a fast disk: kubeadm takes the lost+found of its file system for data of another cluster",
        "mkdir --mode 0700 /var/lib/etcd/lost+found",
        "mountpoint --quiet /var/lib/etcd && [[ -d /var/lib/etcd/lost+found ]]",
    ),
    "names of a cloud": State(
        "images of clouds: cloud-init writes host name and /etc/hosts anew at each boot. Here a unit does it",
        r"""
        mkdir --parents /etc/cloud/cloud.cfg.d /etc/cloud/templates
        echo "cloud-$(hostname)" >/etc/cloud/name
        printf 'manage_etc_hosts: true\npreserve_hostname: false\n' >/etc/cloud/cloud.cfg
        sed '/^127\.0\.1\.1/ s/ .*/ {{hostname}}/' /etc/hosts >/etc/cloud/templates/hosts.debian.tmpl
        cat >/usr/local/sbin/cloud-names <<'SCRIPT'
#!/bin/sh
set -eu
if ! grep --quiet --no-messages '^preserve_hostname: true' /etc/cloud/cloud.cfg.d/*.cfg; then
  cp /etc/cloud/name /etc/hostname
  cat /etc/cloud/name >/proc/sys/kernel/hostname
fi
sed "s/{{hostname}}/$(cat /proc/sys/kernel/hostname)/" /etc/cloud/templates/hosts.debian.tmpl >/etc/hosts
SCRIPT
        chmod 0755 /usr/local/sbin/cloud-names
        cat >/etc/systemd/system/cloud-names.service <<'UNIT'
[Unit]
Description=Stand-in of cloud-init, which writes the names of the machine
Before=ssh.service containerd.service kubelet.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/cloud-names
[Install]
WantedBy=multi-user.target
UNIT
        systemctl --quiet enable cloud-names
        /usr/local/sbin/cloud-names
        """,
        'systemctl is-enabled cloud-names && hostname | grep ^cloud- && getent hosts "$(hostname)"',
    ),
    "Docker": State(
        "machines of developers: apt knows Docker's repository, docker-ce is installed, and the configuration of"
        " containerd turns the CRI off. The package and its repository are stand-ins",
        r"""
        mkdir --parents /opt/docker/docker-ce/DEBIAN /etc/containerd
        printf '%s\n' 'Package: docker-ce' 'Version: 5:28.0.0-1' 'Architecture: all' 'Conflicts: docker.io' \
          'Maintainer: nobody <nobody@example.test>' 'Description: stand-in of Docker' \
          >/opt/docker/docker-ce/DEBIAN/control
        cd /opt/docker
        dpkg-deb --build docker-ce docker-ce.deb
        {
          dpkg-deb --field docker-ce.deb
          printf 'Filename: ./docker-ce.deb\nSize: %s\n' "$(stat --format %s docker-ce.deb)"
          sha256sum docker-ce.deb | sed 's/\(.*\)  .*/SHA256: \1/'
        } >Packages
        dpkg --install docker-ce.deb
        echo 'deb [trusted=yes] file:/opt/docker ./' >/etc/apt/sources.list.d/docker.list
        printf '%s\n' 'Types: deb' 'URIs: https://download.docker.com/linux/debian' 'Suites: bookworm' \
          'Components: stable' 'Enabled: no' >/etc/apt/sources.list.d/docker-old.sources
        echo 'disabled_plugins = ["cri"]' >/etc/containerd/config.toml
        """,
        "dpkg --status docker-ce && apt-get update --error-on=any && apt-cache policy docker-ce | grep /opt/docker &&"
        " grep cri /etc/containerd/config.toml",
    ),
}
"""States by name, all of which can be on one machine. A state that no update can pass, such as a repository that is
silent, has a test of its own."""
