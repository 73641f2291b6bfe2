# shellcheck shell=bash
# The host can pull from the registries of the stack, and the first images are pulled.
# Needs: IMAGES KUBEADM_PAUSE_IMAGE KUBERNETES_VERSION PASSWORD_KEYS ROLE; lib/containerd.sh lib/kubeadm.sh lib/packages.sh
. "$LIBRARY/lib/lib.sh"
. "$LIBRARY/lib/containerd.sh"
. "$LIBRARY/lib/kubeadm.sh"
. "$LIBRARY/lib/packages.sh"

TRIES=3

format=$(containerd_format)
[[ $format == 1.4 ]] || rm --force "$STAGING/files$CRI_WITH_PASSWORDS"
remove_leftovers
credential_files=$(staged_below /etc/containerd)
for file in $credential_files; do
  if [[ -f $file ]]; then install -D --mode 0600 "$file" "$STAGING/before$file"; fi
  put "$file"
done
# containerd 1.5 and later read the files of a registry at each pull; 1.4 reads them when it starts.
if [[ $format == 1.4 ]]; then restart_changed_containerd; fi
containerd_serves

# shellcheck disable=SC2153 # the caller sets IMAGES
images=$IMAGES
# Before an upgrade kubeadm has the old version: the upgrade itself pulls the images of the new version. containerd's pause
# image has to be the same as kubeadm's.
version=
if [[ $ROLE == control-plane ]]; then version=$(kubeadm version --output short); fi
if [[ $version == "v$KUBERNETES_VERSION" ]]; then
  listed=$(kubeadm_images)
  [[ -z $KUBEADM_PAUSE_IMAGE ]] || grep --quiet --line-regexp --fixed-strings "$KUBEADM_PAUSE_IMAGE" <<<"$listed" ||
    fail "kubeadm to name the pause image $KUBEADM_PAUSE_IMAGE" "$(grep pause <<<"$listed")" \
      "correct the table in components/settings/versions.py, and report it"
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
    *"HTTP response to HTTPS"*)
      next="give $registry TLS; or, without a login: containerd.registries[\"$registry\"] with mirrors: [\"http://$registry\"]"
      ;;
    *x509*) next="name the registry's CA in the stack file: containerd.registries[\"$registry\"].caFile; then: $next" ;;
    *"not found"*)
      next="copy the image to $registry, or mend images.rewrite in the stack file; then: $next"
      # In a registry other than the public one kubeadm expects one `coredns` less in the path, but a cache has the public
      # paths.
      [[ $image != */coredns:* ]] ||
        next="where $registry caches the public registry, in cluster.clusterConfiguration of the stack file: \
dns: {imageRepository: ${image%:*}}; or $next"
      ;;
    *"connection refused"* | *"no such host"* | *timeout* | *"no route"*)
      next="curl -v https://$registry/v2/; then: $next"
      if apt_has_proxy && [[ ! -e $CONTAINERD_PROXY ]]; then
        next="apt of this machine has a proxy, and containerd none: proxy.http, proxy.https in the stack file; or $next"
      fi
      ;;
    *429* | *oomanyrequests*)
      next="give it a login in the stack file, containerd.registries[\"$registry\"], or wait for some hours; then: $next"
      ;;
  esac
  explain "image $image to be pullable" "$(tail -c 600 <<<"$seen")" "$next"
}

# Only an error that may pass is tried again: a wrong password stays wrong.
pull() {
  local seen attempt
  for ((attempt = 1; attempt <= TRIES; attempt++)); do
    seen=$(crictl pull "$1" 2>&1 >/dev/null) && return 0
    [[ $seen =~ (401|403|429|nauthorized|x509|not\ found|HTTP\ response\ to\ HTTPS) ]] && break
  done
  explain_pull "$1" "$seen" >"$STAGING/failed.$BASHPID"
}

# Where a registry has a login, images that the host has are pulled too: a wrong password fails here, not at a pod's next pull.
wanted=$(sed '/^$/d' <<<"$images" | sort --unique)
declare -A pulls=()
while read -r image; do
  [[ -n $image ]] || continue
  [[ -z $credential_files ]] && crictl inspecti --quiet "$image" &>/dev/null && continue
  pull "$image" &
  pulls[$image]=$!
done <<<"$wanted"
# The shell of a failed pull prints an explanation and succeeds; a shell that was killed does neither.
for image in "${!pulls[@]}"; do
  wait "${pulls[$image]}" || explain "image $image to be pulled" "its pull ended with status $?" "pulumi up" \
    >"$STAGING/failed.${pulls[$image]}"
done
# take_back_passwords: put the old passwords back. Pods go on pulling with them, and if the edit is taken back, the host is as
# it was.
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
((${#pulls[@]} == 0)) || changed "images are pulled"
step_is_done
