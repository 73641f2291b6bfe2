# shellcheck shell=bash
# How lines of /etc/fstab are marked that we comment out, and a reset brings back.

# shellcheck disable=SC2034 # for those who source this
SWAP_COMMENT="#pulumi-kubeadm#"
