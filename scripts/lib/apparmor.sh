# shellcheck shell=bash
# AppArmor, by whose profiles containerd confines containers: Ubuntu and Debian have it in their kernels.

# kernel_has_apparmor: the test of containerd itself, pkg/apparmor/apparmor_linux.go. containerd also needs the program
# apparmor_parser: without the program pods run unconfined, pods that name a profile are refused, and containerd 1.5 up to
# 1.6.16 starts no container.
kernel_has_apparmor() {
  [[ -d /sys/kernel/security/apparmor ]] && grep --quiet '^Y' /sys/module/apparmor/parameters/enabled 2>/dev/null
}

# runc_may_end_containers: AppArmor 4, of Ubuntu 23.10 and newer, has a profile of runc. With this profile runc may send
# signals to containers only if containerd's own profile says so: pull request 10123 of containerd, in 1.6.32 and 1.7.16.
# Distributions have the change in older versions, too, so the function searches the program, not its version.
runc_may_end_containers() {
  local profiles=/sys/kernel/security/apparmor/profiles program
  kernel_has_apparmor && grep --quiet '^runc ' "$profiles" 2>/dev/null || return 0
  program=$(command -v containerd) || return 1
  grep --quiet --text --fixed-strings 'peer=runc' "$program"
}
