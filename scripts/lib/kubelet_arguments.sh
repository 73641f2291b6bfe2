# shellcheck shell=bash
# Arguments of the kubelet that the owner of a machine wrote, as the guide says. They come after those of kubeadm, and override
# them. A clone has the arguments of the machine that it was made from.
# Needs: NODE_IP; lib/kubeadm.sh lib/units.sh
. "$LIBRARY/lib/units.sh"

KUBELET_DEFAULTS=/etc/default/kubelet
OF_KUBEADM=(KUBELET_KUBECONFIG_ARGS KUBELET_CONFIG_ARGS KUBELET_KUBEADM_ARGS) # variables that kubeadm needs there

# kubelet_drop_in: the drop-in of kubeadm's package, or the file in its place, if there is one.
kubelet_drop_in() {
  local found
  found=$(drop_ins kubelet)
  sed --quiet '\|/10-kubeadm\.conf$|p' <<<"$found"
}

# read_kubelet_start: set COMMAND, which starts the kubelet, and the file COMMAND_FROM that has it; its variables, VALUES by
# name and VALUES_FROM; and the file TAKEN_BY that took all variables away. The drop-in of kubeadm's package is still to come
# on a machine that is no node. kubeadm's own file of arguments is compared with a copy of it, so it counts as what its
# variable has.
read_kubelet_start() {
  local settings path setting variables of_package=() file
  local files=(/var/lib/kubelet/kubeadm-flags.env "$KUBELET_DEFAULTS")
  local names=("${OF_KUBEADM[@]}" KUBELET_EXTRA_ARGS)
  COMMAND="/usr/bin/kubelet ${names[*]/#/\$}" TAKEN_BY='' VALUES=() VALUES_FROM=()
  COMMAND_FROM=$(kubelet_drop_in)
  if [[ -n $COMMAND_FROM ]]; then
    # A file in its place may have no ExecStart, and hides that of the package.
    COMMAND=/usr/bin/kubelet files=()
  else
    of_package=(
      $'\t'"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=$KUBELET_CONF"
      $'\t'KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml
    )
  fi
  variables=("${of_package[@]}")
  settings=$(settings_of kubelet)
  while IFS=$'\t' read -r path setting; do
    case $setting in
      Environment=)
        variables=() TAKEN_BY=$path
        [[ ${path##*/} > 10-kubeadm.conf ]] || variables=("${of_package[@]}") # which is read behind this file
        ;;
      Environment=*) variables+=("$path"$'\t'"${setting#*=}") ;;
      EnvironmentFile=) files=() TAKEN_BY=$path ;;
      EnvironmentFile=*) files+=("${setting#*=}") ;;
      ExecStart=?*) COMMAND=${setting#*=} COMMAND_FROM=$path ;;
    esac
  done <<<"$settings"
  # Files override variables of the unit.
  for file in "${files[@]}"; do
    file=${file#-}
    if [[ $file == */kubeadm-flags.env ]]; then
      variables+=("$file"$'\t'"KUBELET_KUBEADM_ARGS=of-kubeadm")
    elif [[ -f $file ]]; then
      settings=$(settings_in "$file")
      mapfile -t -O "${#variables[@]}" variables <<<"$settings"
    fi
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

# has_no_configuration DIRECTORY: whether the kubelet finds no file there that it would merge into its configuration.
has_no_configuration() {
  local found
  found=$(find -L "$1" -name '*.conf' -print -quit 2>/dev/null) || return 1
  [[ -z $found ]]
}

# overriding_arguments: what makes the kubelet another node than the stack says, each with its file, one a line.
overriding_arguments() {
  local -A VALUES VALUES_FROM ARGUMENTS=() SOURCES=()
  local COMMAND COMMAND_FROM TAKEN_BY FLAG='' word words name value address=${NODE_IP:-} # a step of an older version has none
  read_kubelet_start
  value=$(other_program "$COMMAND" kubelet)
  [[ -z $value ]] || echo "$value in $COMMAND_FROM"
  for name in "${OF_KUBEADM[@]}"; do
    if [[ "${COMMAND//[\{\}]/} " != *"\$$name "* ]]; then
      echo "no \$$name in $COMMAND_FROM"
    elif [[ -z ${VALUES[$name]:-} ]]; then
      echo "an empty \$$name in ${VALUES_FROM[$name]:-${TAKEN_BY:-$COMMAND_FROM}}"
    elif [[ $name == KUBELET_KUBEADM_ARGS && ${VALUES[$name]} != of-kubeadm ]]; then
      echo "another \$$name in ${VALUES_FROM[$name]}"
    fi
  done
  read -ra words <<<"$COMMAND"
  for word in "${words[@]}"; do
    name=${word//[\$\{\}]/}
    if [[ $word != \$* ]]; then
      read_arguments "$COMMAND_FROM" "$word"
    elif [[ -n $name && $name != KUBELET_KUBEADM_ARGS ]]; then
      read_arguments "${VALUES_FROM[$name]:-}" "${VALUES[$name]:-}"
    fi
  done
  for name in --node-ip --hostname-override --config --config-dir --kubeconfig --bootstrap-kubeconfig --pod-manifest-path \
    --cgroup-driver --container-runtime-endpoint; do
    value=${ARGUMENTS[$name]:-}
    [[ -n $value && $value != *[\$%]* ]] || continue # systemd alone knows what it puts there
    case $name in
      --node-ip) [[ -z $address || $value == "$address" || $value == "$address",* ]] ;;
      --hostname-override) [[ $value == "$HOST_NAME" ]] ;;
      --config-dir) has_no_configuration "$value" ;;
      --config) [[ $value == /var/lib/kubelet/config.yaml ]] ;;
      --kubeconfig) [[ $value == "$KUBELET_CONF" ]] ;;
      --bootstrap-kubeconfig) [[ $value == /etc/kubernetes/bootstrap-kubelet.conf ]] ;;
      --pod-manifest-path) [[ $value == /etc/kubernetes/manifests ]] ;;
      --cgroup-driver) [[ $value == systemd ]] ;;
      --container-runtime-endpoint) [[ $value == */containerd/containerd.sock ]] ;;
    esac || echo "$name=$value in ${SOURCES[$name]}"
  done
}
