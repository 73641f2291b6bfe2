# shellcheck shell=bash
# What prepare leaves in /etc/fstab, and reset takes back.

# shellcheck disable=SC2034 # for those who source this
SWAP_COMMENT="#pulumi-kubeadm#" # begins the lines that prepare comments out
FSTAB_BEFORE=/etc/fstab.before-kubernetes
