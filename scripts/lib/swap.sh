# shellcheck shell=bash
# What prepare leaves in /etc/fstab, and reset takes back.

# shellcheck disable=SC2034 # for those who source this
SWAP_COMMENT="#pulumi-kubeadm#" # begins the lines that prepare comments out
FSTAB_BEFORE=/etc/fstab.before-kubernetes
ACTIVE_SWAP_LINE='^[^#[:space:]][^[:space:]]*[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]]'

# swap_is_in_fstab: whether the next boot would turn on swap by /etc/fstab.
swap_is_in_fstab() { grep --quiet --extended-regexp "$ACTIVE_SWAP_LINE" /etc/fstab 2>/dev/null; }

# swap_units: units that turn swap on at boot even without swap.target, one a line. These are units of zram-tools, units of
# images for small boards, and units that people wrote with multi-user.target as WantedBy, as tutorials say.
swap_units() {
  local units
  units=$(systemctl list-unit-files --no-legend --no-pager --state enabled '*.swap' \
    {zramswap,zram-config,dphys-swapfile,swapspace}.service 2>"$STAGING/message") ||
    { cat "$STAGING/message" >&2 && [[ ! -s $STAGING/message ]]; } # its status alone may say that there is none
  awk '{print $1}' <<<"$units"
}

# edit_fstab EXPRESSION: edit /etc/fstab by sed, and keep a copy from before the first edit. After a power cut each file is
# whole or as before: a machine with an empty fstab does not mount its disks.
edit_fstab() {
  if [[ ! -e $FSTAB_BEFORE ]]; then
    cp --preserve /etc/fstab "$FSTAB_BEFORE.new"
    sync "$FSTAB_BEFORE.new"
    mv "$FSTAB_BEFORE.new" "$FSTAB_BEFORE"
  fi
  cp --preserve /etc/fstab /etc/fstab.new
  sed --regexp-extended "$1" /etc/fstab >/etc/fstab.new
  sync /etc/fstab.new
  mv /etc/fstab.new /etc/fstab
  sync /etc
}
