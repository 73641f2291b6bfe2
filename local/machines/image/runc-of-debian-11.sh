#!/bin/sh
# In a machine's /usr/local/sbin, before Debian's own. containerd 1.4 gives privileged containers all capabilities, also the
# one that this host's root lacks, as under many container engines, and Debian 11's runc ends there. Newer ones ask for what
# there is.
CAP_SYS_RESOURCE=24

specification=
previous=
for argument; do
  case $previous in
    --bundle) specification=$argument/config.json ;;
    --process) specification=$argument ;;
  esac
  previous=$argument
done
bounding=$(awk '$1 == "CapBnd:" {print $2}' /proc/self/status)
if [ -n "$specification" ] && [ $((0x$bounding >> CAP_SYS_RESOURCE & 1)) = 0 ]; then
  sed --in-place --regexp-extended 's/"CAP_SYS_RESOURCE",|,"CAP_SYS_RESOURCE"//g' "$specification"
fi
exec /usr/sbin/runc "$@"
