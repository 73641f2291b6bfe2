# shellcheck shell=bash
# Modules are loaded now and at boot, sysctls hold now and after boot.
# Needs: MODULES; lib/kernel.sh

. "$LIBRARY/lib/kernel.sh"

put /etc/modules-load.d/kubernetes.conf

for module in $MODULES; do
  bars=$(bars_of "$module")
  [[ -z $bars ]] ||
    fail "kernel module $module, also after a reboot" "${bars//$'\n'/ and }" \
      "take it out of the file that has it: grep -rw $module /etc/modprobe.d /usr/lib/modprobe.d; then pulumi up"
  module_is_there "$module" || modprobe "$module" ||
    fail "kernel module $module" "$(modprobe "$module" 2>&1)" \
      "cloud kernels lack modules: apt-get install linux-image-$(dpkg --print-architecture), on Ubuntu \
linux-modules-extra-$(uname -r); then reboot"
done

sysctls_hold() {
  local line seen
  while read -r line; do
    [[ -n $line ]] || continue
    seen=$(sysctl_value "${line%%=*}") || return 1
    [[ $seen == "${line#*=}" ]] || return 1
  done <<<"$sysctls"
}
sysctls=$(wanted_sysctls)
unknown=
while IFS='=' read -r name _; do
  file=$(sysctl_file "$name")
  [[ -z $name || -e $file ]] || unknown+="$name "
done <<<"$sysctls"
[[ -z $unknown ]] ||
  fail "a kernel that has the sysctls of the stack" "none of the name ${unknown% }" \
    "name the module that has it in system.modules of the stack file, or set it to null in system.sysctl"
put "$SYSCTLS"
if is_staged "$LAST_SYSCTLS"; then put "$LAST_SYSCTLS"; fi
if ! sysctls_hold; then
  # Only this file: a sysctl of the distribution that this kernel lacks must not end the step.
  sysctl --quiet --load "$SYSCTLS" >&2
  changed "sysctls are set"
fi
seen_sysctls() {
  cut --delimiter = --fields 1 <<<"$sysctls" >"$STAGING/names"
  sysctl --pattern '^(net|vm|user)\.' --all 2>/dev/null | grep --fixed-strings --file "$STAGING/names"
}
sysctls_hold || fail "the sysctls of the stack" "$(seen_sysctls)" "grep -r . /etc/sysctl.d"
