# shellcheck shell=bash
# Arguments of the kubelet that the owner of a machine wrote, as the guide says. They come after those of kubeadm, and override
# them. A clone has the arguments of the machine that it was made from.
# Needs: NODE_IP; lib/kubeadm.sh lib/units.sh
. "$LIBRARY/lib/units.sh"

KUBELET_DEFAULTS=/etc/default/kubelet
OF_KUBEADM=(KUBELET_KUBECONFIG_ARGS KUBELET_CONFIG_ARGS KUBELET_KUBEADM_ARGS) # variables that kubeadm needs there

# read_kubelet_start: set COMMAND, which starts the kubelet, the file COMMAND_FROM that has it, and its variables: VALUES by
# name, and VALUES_FROM. Without the drop-in of kubeadm's package, which is still to come, they are those of the package.
read_kubelet_start() {
  local settings path setting variables=() file files=("$KUBELET_DEFAULTS") names=("${OF_KUBEADM[@]}" KUBELET_EXTRA_ARGS)
  COMMAND="/usr/bin/kubelet ${names[*]/#/\$}" COMMAND_FROM='' VALUES=() VALUES_FROM=()
  settings=$(drop_ins kubelet)
  while read -r path; do
    # Without ExecStart, this file hides that of the package.
    [[ $path != */10-kubeadm.conf ]] || COMMAND=/usr/bin/kubelet COMMAND_FROM=$path files=()
  done <<<"$settings"
  settings=$(settings_of kubelet)
  while IFS=$'\t' read -r path setting; do
    case $setting in
      Environment=) variables=() ;;
      Environment=*) variables+=("$path"$'\t'"${setting#*=}") ;;
      EnvironmentFile=) files=() ;;
      EnvironmentFile=*) files+=("${setting#*=}") ;;
      ExecStart=?*) COMMAND=${setting#*=} COMMAND_FROM=$path ;;
    esac
  done <<<"$settings"
  # Files override variables of the unit. That of kubeadm is compared with a copy of it.
  for file in "${files[@]}"; do
    file=${file#-}
    [[ -f $file && $file != */kubeadm-flags.env ]] || continue
    settings=$(settings_in "$file")
    mapfile -t -O "${#variables[@]}" variables <<<"$settings"
  done
  for setting in "${variables[@]}"; do
    read_variables "${setting%%$'\t'*}" "${setting#*$'\t'}"
  done
}

# read_variables FILE TEXT: read the variables of a text without quotes. A word that assigns nothing belongs to the last one.
read_variables() {
  local word words name=''
  read -ra words <<<"$2"
  for word in "${words[@]}"; do
    if [[ $word =~ ^[A-Za-z0-9_]+= ]]; then
      name=${word%%=*}
      VALUES[$name]=${word#*=} VALUES_FROM[$name]=$1
    elif [[ -n $name ]]; then
      VALUES[$name]+=" $word"
    fi
  done
}

# read_arguments FILE TEXT: read the arguments of a text. Of one that is given again the last value counts.
read_arguments() {
  local word words
  read -ra words <<<"$2"
  for word in "${words[@]}"; do
    case $word in
      --*=*) FLAG=${word%%=*} ARGUMENTS[${word%%=*}]=${word#*=} SOURCES[${word%%=*}]=$1 ;;
      -*) FLAG=$word ARGUMENTS[$word]='' SOURCES[$word]=$1 ;;
      *) [[ -z $FLAG ]] || ARGUMENTS[$FLAG]=$word ;; # the value follows an equals sign or a blank
    esac
  done
}

# overriding_arguments: what makes the kubelet another node than the stack says, each with its file, one a line.
overriding_arguments() {
  local -A VALUES VALUES_FROM ARGUMENTS=() SOURCES=()
  local COMMAND COMMAND_FROM FLAG='' word words name value address=${NODE_IP:-} # a step of an older version has none
  read_kubelet_start
  value=$(other_program "$COMMAND" kubelet)
  [[ -z $value ]] || echo "$value in $COMMAND_FROM"
  for name in "${OF_KUBEADM[@]}"; do
    [[ "${COMMAND//[\{\}]/} " == *"\$$name "* ]] || echo "no \$$name in $COMMAND_FROM"
  done
  read -ra words <<<"$COMMAND"
  for word in "${words[@]}"; do
    name=${word//[\$\{\}]/}
    if [[ $word != \$* ]]; then
      read_arguments "$COMMAND_FROM" "$word"
    elif [[ -n $name && $name != KUBELET_KUBEADM_ARGS ]]; then # kubeadm has these in a file of its own
      read_arguments "${VALUES_FROM[$name]:-}" "${VALUES[$name]:-}"
    fi
  done
  for name in --node-ip --hostname-override --config --kubeconfig --bootstrap-kubeconfig --pod-manifest-path --cgroup-driver \
    --container-runtime-endpoint; do
    value=${ARGUMENTS[$name]:-}
    [[ -n $value && $value != *[\$%]* ]] || continue # systemd alone knows what it puts there
    case $name in
      --node-ip) [[ -z $address || $value == "$address" || $value == "$address",* ]] ;;
      --hostname-override) [[ $value == "$HOST_NAME" ]] ;;
      --config) [[ $value == /var/lib/kubelet/config.yaml ]] ;;
      --kubeconfig) [[ $value == "$KUBELET_CONF" ]] ;;
      --bootstrap-kubeconfig) [[ $value == /etc/kubernetes/bootstrap-kubelet.conf ]] ;;
      --pod-manifest-path) [[ $value == /etc/kubernetes/manifests ]] ;;
      --cgroup-driver) [[ $value == systemd ]] ;;
      --container-runtime-endpoint) [[ $value == */containerd/containerd.sock ]] ;;
    esac || echo "$name=$value in ${SOURCES[$name]}"
  done
}
