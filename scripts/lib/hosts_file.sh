# shellcheck shell=bash
# The block of the stack in /etc/hosts. What stands outside of it is not the stack's.
# shellcheck disable=SC2034 # those who source this file read the names

HOSTS_BEGIN="# begin pulumi-kubeadm"
HOSTS_END="# end pulumi-kubeadm"
HOSTS_BLOCK="/^$HOSTS_BEGIN\$/,/^$HOSTS_END\$/" # address of sed
