# shellcheck shell=bash
# Arguments of the kubelet that the owner of a machine wrote, as the guide says. They come after those of kubeadm, and override
# them. A clone has the arguments of the machine that it was made from.
# Needs: NODE_IP

KUBELET_DEFAULTS=/etc/default/kubelet

# overriding_arguments: arguments that make the kubelet another node than the stack says, one a line.
overriding_arguments() {
  local line argument value address=${NODE_IP:-} # a step of an older version has none
  [[ -f $KUBELET_DEFAULTS ]] || return 0
  line=$(sed --quiet 's/^[[:space:]]*KUBELET_EXTRA_ARGS=//p' "$KUBELET_DEFAULTS" | tail -n 1)
  # The value follows an equals sign or a blank.
  line=$(tr -d "\"'" <<<"$line" | sed --regexp-extended 's/(--[a-z-]+)[[:space:]]+([^-])/\1=\2/g')
  for argument in $line; do
    value=${argument#*=}
    case $argument in
      --node-ip=*) [[ -z $address || $value == "$address" || $value == "$address",* ]] || echo "$argument" ;;
      --hostname-override=*) [[ $value == "$HOST_NAME" ]] || echo "$argument" ;;
      --config=*) [[ $value == /var/lib/kubelet/config.yaml ]] || echo "$argument" ;;
      --cgroup-driver=*) [[ $value == systemd ]] || echo "$argument" ;;
    esac
  done
}
