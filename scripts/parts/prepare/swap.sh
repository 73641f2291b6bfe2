# shellcheck shell=bash
# Swap is off now and stays off after a reboot.
# Needs: lib/swap.sh

. "$LIBRARY/lib/swap.sh"

if swap_is_in_fstab; then
  edit_fstab "/$ACTIVE_SWAP_LINE/ s/^/$SWAP_COMMENT/"
  changed "swap is commented out in /etc/fstab; the file as it was: $FSTAB_BEFORE"
fi
# swap.target is masked because generators, such as that of zram, bring swap back without a line in fstab.
state=$(systemctl is-enabled swap.target 2>/dev/null) || true # its status is 1 for "masked"
if [[ $state != masked ]]; then
  systemctl --quiet mask swap.target
  changed "swap.target is masked"
fi
units=$(swap_units)
if [[ -n $units ]]; then
  known=$(mark "$SWAP_UNITS_MARK")
  known=$(sort --unique <<<"${known:+$known$'\n'}$units")
  remember "$SWAP_UNITS_MARK" "$known"
  mapfile -t units <<<"$units"
  systemctl --quiet disable --now "${units[@]}"
  changed "no unit turns swap on: ${units[*]}"
fi
active=$(swapon --noheadings --show)
if [[ -n $active ]]; then
  swapoff --all
  changed "swap is off"
  active=$(swapon --noheadings --show)
fi
if [[ -n $active ]]; then
  fail "no swap" "$(swapon --show)" "swapoff --all"
fi
