# shellcheck shell=bash
# The host may pull from the registries of the stack, and the images it needs at first are there.
# Needs: IMAGES KUBEADM_PAUSE_IMAGE KUBERNETES_VERSION PASSWORD_KEYS ROLE; lib/containerd.sh lib/kubeadm.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kubeadm.sh"

TRIES=3

format=$(containerd_format)
[[ $format == 1.4 ]] || rm --force "$STAGING/files$CRI_WITH_PASSWORDS"
remove_leftovers
credential_files=$(staged_below /etc/containerd)
for file in $credential_files; do
  if [[ -f $file ]]; then install -D --mode 0600 "$file" "$STAGING/before$file"; fi
  put "$file"
done
# Newer ones read what they know of a registry at each pull.
if [[ $format == 1.4 ]]; then restart_changed_containerd; fi
containerd_serves

# shellcheck disable=SC2153 # the caller sets IMAGES
images=$IMAGES
# On a node that is to be upgraded kubeadm is still the old one: the upgrade pulls what the new one wants.
# containerd's pause image has to be the same as kubeadm's.
if [[ $ROLE == control-plane && $(kubeadm version --output short) == "v$KUBERNETES_VERSION" ]]; then
  listed=$(kubeadm_images)
  [[ -z $KUBEADM_PAUSE_IMAGE ]] || grep --quiet --line-regexp --fixed-strings "$KUBEADM_PAUSE_IMAGE" <<<"$listed" ||
    fail "kubeadm to name the pause image $KUBEADM_PAUSE_IMAGE" "$(grep pause <<<"$listed")" "report it: the table in components/settings/versions.py is wrong"
  images+=$'\n'$listed
fi

explain_pull() {
  local image=$1 seen=$2 registry=${1%%/*} next="crictl pull $1" key
  case $seen in
    *"401"* | *"403"* | *nauthorized* | *"no basic auth"*)
      key=$(awk -v registry="$registry" '$1 == registry {print $2}' <<<"$PASSWORD_KEYS")
      if [[ -n $key ]]; then
        next="set its password: pulumi config set --secret $key; then: $next"
      else
        next="give it a username in the stack file: containerd.registries[\"$registry\"]; then: $next"
      fi
      ;;
    *x509*) next="name the registry's CA in the stack file: containerd.registries[\"$registry\"].caFile; then: $next" ;;
    *"not found"*) next="copy the image to $registry, or mend images.rewrite in the stack file; then: $next" ;;
    *"connection refused"* | *"no such host"* | *timeout* | *"no route"*) next="curl -v https://$registry/v2/; then: $next" ;;
  esac
  explain "image $image to be pullable" "$(tail -c 600 <<<"$seen")" "$next"
}

# Only what may pass is tried again; a wrong password stays wrong.
pull() {
  local seen attempt
  for ((attempt = 1; attempt <= TRIES; attempt++)); do
    seen=$(crictl pull "$1" 2>&1 >/dev/null) && return 0
    [[ $seen =~ (401|403|nauthorized|x509|not\ found) ]] && break
  done
  explain_pull "$1" "$seen" >"$STAGING/failed.$BASHPID"
}

# A registry with a login is asked for images that are there, too: that is how a wrong password is met now, and not at the
# next pull of a pod.
while read -r image; do
  [[ -z $credential_files ]] && crictl inspecti --quiet "$image" &>/dev/null && continue
  pull "$image" &
  pulled=yes
done < <(grep . <<<"$images" | sort --unique)
wait
# Pods go on pulling with the passwords that were right; and whoever takes a wrong one back finds the host as it was.
take_back_passwords() {
  local file
  for file in $credential_files; do
    if [[ -f $STAGING/before$file ]]; then
      mv "$STAGING/before$file" "$STAGING/files$file"
      put "$file"
    fi
  done
  if [[ $format == 1.4 ]]; then restart_changed_containerd; fi
}

if compgen -G "$STAGING/failed.*" >/dev/null; then
  take_back_passwords
  cat "$STAGING"/failed.* >&2
  trap - ERR
  exit 1
fi
[[ -z ${pulled:-} ]] || changed "images are pulled"
