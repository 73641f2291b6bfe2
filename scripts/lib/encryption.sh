# shellcheck shell=bash
# Encryption of Secrets in etcd. The API server writes with the first key of its file, and reads with each key. So a change
# takes two passes: in `init` or `join` every API server learns to read with all keys; then, in `encryption`, each API server
# writes with the new first key. Keys are in staged files, in files of mode 0600 and in variables of this shell, never in
# arguments of a program.
# Needs: NODE_IP; lib/api_server.sh lib/clients.sh lib/etcd.sh lib/etcd_answers.sh lib/kubeadm.sh lib/nodes.sh
#   lib/static_pods.sh

STAGED_KEYS=$STAGING/files/etc/kubernetes/kubeadm/encryption-keys
NOT_ENCRYPTED=identity

# wanted_keys: lines `NAME KEY`; the first key is the one to write with; `identity` has no key.
wanted_keys() { if [[ -f $STAGED_KEYS ]]; then cat "$STAGED_KEYS"; fi; }
# keys_in_use [FILE]: such lines of the file that the API server reads.
keys_in_use() {
  local file=${1:-$ENCRYPTION}
  if [[ -f $file ]]; then
    sed --quiet --regexp-extended \
      's/^ +- secretbox: \{keys: \[\{name: "(.*)", secret: "(.*)"\}\]\}$/\1 \2/p; s/^ +- (identity): \{\}$/\1/p' "$file"
  fi
}
names_of() { cut --delimiter ' ' --fields 1; }

# read_wanted_keys: WANTED is the stack's key by name; the key of `identity` is empty.
read_wanted_keys() {
  local wanted name key
  wanted=$(wanted_keys)
  declare -gA WANTED=()
  while read -r name key; do
    if [[ -n $name ]]; then WANTED[$name]=$key; fi
  done <<<"$wanted"
}

# refuse_other_key NAME KEY: end the step if the stack has another key under this name.
refuse_other_key() {
  local name=$1
  [[ ${WANTED[$name]} == "$2" ]] ||
    fail "the key that $name had" "another one under the same name" \
      "set the secret of $name back; give a new key a new name"
}

provider() {
  if [[ $1 == "$NOT_ENCRYPTED" ]]; then
    printf '      - identity: {}\n'
  else
    printf '      - secretbox: {keys: [{name: "%s", secret: "%s"}]}\n' "$1" "$2"
  fi
}

# stage_encryption WRITER: stage the file by which the API server writes with the key WRITER, from lines of wanted_keys on
# standard input.
stage_encryption() {
  local writer=$1 name key first='' others=''
  while read -r name key; do
    if [[ $name == "$writer" ]]; then
      first=$(provider "$name" "$key")$'\n'
    else
      others+=$(provider "$name" "$key")$'\n'
    fi
  done
  install -D --mode 0600 /dev/null "$STAGING/files$ENCRYPTION"
  {
    printf 'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n'
    printf '  - resources: [secrets]\n    providers:\n%s' "$first$others"
  } >"$STAGING/files$ENCRYPTION"
}

# refuse_lost_keys: end the step, before any change, if the stack lacks a key that is in use, or has another key under its
# name.
refuse_lost_keys() {
  local there writer name key next
  next="write it back into cluster.encryption.keys, as the last one; pulumi up; then remove it"
  there=$(keys_in_use)
  # Secrets may be encrypted by a configuration of a person's own, named in cluster.clusterConfiguration.
  if [[ -z $there && -f $STAGED_KEYS ]]; then
    ask "etcd to say with which keys Secrets are written" secret_writers
    there=$(awk '{print $2}' <<<"$ANSWER" | sed "/^$NOT_ENCRYPTED\$/d")
    there=$NOT_ENCRYPTED${there:+$'\n'$there}
  fi
  [[ -n $there ]] || return 0
  writer=${there%%[[:space:]]*}
  read_wanted_keys
  ((${#WANTED[@]} > 0)) ||
    next="write cluster.encryption back into the stack file, with enabled: false; pulumi up; then remove it"
  while read -r name key; do
    [[ $name != "$NOT_ENCRYPTED" ]] || continue
    if [[ -n ${WANTED[$name]:-} ]]; then
      [[ -z $key ]] || refuse_other_key "$name" "$key"
      continue
    fi
    ask "etcd to say with which keys Secrets are written" secret_writers
    if [[ $name == "$writer" ]] || grep --quiet " $name\$" <<<"$ANSWER"; then
      fail "key $name in cluster.encryption, with which Secrets are written" "the keys ${!WANTED[*]}" "$next"
    fi
  done <<<"$there"
}

# refuse_bundle_without_keys: end the step if the stack lacks a key of the bundle, with which Secrets in the snapshot may be
# encrypted. `make restore` compares the names of the keys only.
refuse_bundle_without_keys() {
  local kept name key
  [[ -f $RESTORE/pki/encryption.yaml ]] || return 0
  kept=$(keys_in_use "$RESTORE/pki/encryption.yaml")
  read_wanted_keys
  while read -r name key; do
    [[ -n $name && $name != "$NOT_ENCRYPTED" ]] || continue
    [[ -n ${WANTED[$name]:-} ]] ||
      fail "key $name in cluster.encryption, which is in the bundle: pki/encryption.yaml" "none of this name" \
        "write it into the stack file, pulumi config set --secret for its key, pulumi up"
    refuse_other_key "$name" "$key"
  done <<<"$kept"
}

# change_encryption NEXT: restart the API server with the staged file. If it does not start, the old file comes back and the
# step ends. The mark is the digest of the file that the API server was started with.
change_encryption() {
  local digest before
  digest=$(sha256sum <"$STAGING/files$ENCRYPTION")
  [[ $(mark "$ENCRYPTION_MARK") != "${digest%% *}" ]] || return 0
  forget "$ENCRYPTION_MARK"
  if [[ ! -f $ENCRYPTION ]] ||
    ! grep --quiet -e "--encryption-provider-config=$ENCRYPTION" "$MANIFESTS/kube-apiserver.yaml"; then
    put "$ENCRYPTION" # a later change of its manifest starts the API server with the file
  else
    wait_for_others "$NODE_IP"
    trap 'put_back_encryption; let_clients_in' EXIT # whatever ends the step before the change is done
    divert_clients
    keep "$ENCRYPTION_BEFORE" "$ENCRYPTION"
    put "$ENCRYPTION"
    # Not before: an API server that ended by itself meanwhile, and was started again with the old file, would count as new.
    before=$(container_of kube-apiserver)
    [[ -z $before ]] || crictl stop --timeout "$GRACE_SECONDS" "$before" >/dev/null
    comes_true 180 is_another kube-apiserver "$before" || refuse_encryption "$1"
    drop "$ENCRYPTION_BEFORE"
    trap let_clients_in EXIT
    let_clients_in
  fi
  remember "$ENCRYPTION_MARK" "${digest%% *}"
}

# put_back_encryption: put the former file back after an interrupted or failed change. After several failed starts of the API
# server the kubelet waits for minutes before the next start: a restart of the kubelet ends this wait.
put_back_encryption() {
  [[ -d $ENCRYPTION_BEFORE ]] || return 0
  forget "$ENCRYPTION_MARK"
  cp --preserve "$ENCRYPTION_BEFORE/${ENCRYPTION##*/}" "$ENCRYPTION.new"
  sync "$ENCRYPTION.new"
  mv "$ENCRYPTION.new" "$ENCRYPTION"
  sync "$API_SERVER_FILES"
  drop "$ENCRYPTION_BEFORE"
  api_is_ready &>/dev/null || systemctl restart kubelet
}

refuse_encryption() {
  local seen
  seen=$(last_words kube-apiserver) || true # the reason may be missing; the old file comes back all the same
  put_back_encryption
  wait_for 240 "the API server to be ready with its old keys" "crictl ps -a; journalctl -u kubelet -n 50" api_is_ready
  fail "kube-apiserver to run with its new keys within 180 s" "$seen" "$1"
}

# begin_encryption: put the file before kubeadm starts the first API server of this machine. This API server may write with the
# first key at once: no Secret is encrypted with another key yet, or, on a machine that joins, every other API server reads
# with the first key.
begin_encryption() {
  local wanted digest
  wanted=$(wanted_keys)
  [[ -n $wanted ]] || return 0
  stage_encryption "${wanted%%[[:space:]]*}" <<<"$wanted"
  put "$ENCRYPTION"
  digest=$(sha256sum <"$ENCRYPTION")
  remember "$ENCRYPTION_MARK" "${digest%% *}"
}

# learn_keys: the first pass: the API server reads with all wanted keys, and writes as before.
learn_keys() {
  local there wanted
  refuse_lost_keys
  wanted=$(wanted_keys)
  [[ -n $wanted ]] || return 0
  there=$(keys_in_use)
  [[ -n $there ]] || there=$NOT_ENCRYPTED
  stage_encryption "${there%%[[:space:]]*}" <<<"$wanted"
  change_encryption "mend cluster.encryption in the stack file, then pulumi up; the API server runs with the old keys again"
}

# remove_old_keys: delete the file if the stack has no keys, once the API server runs without the file.
remove_old_keys() {
  [[ ! -f $STAGED_KEYS ]] || return 0
  rm -f "$ENCRYPTION.new" # of a change that was cut short, and taken back
  if [[ -f $ENCRYPTION ]]; then
    forget "$ENCRYPTION_MARK"
    rm "$ENCRYPTION"
    changed "the keys of Secrets are removed, with which none was written any more"
  fi
}
