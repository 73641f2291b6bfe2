# shellcheck shell=bash
# What a control plane looks like after a year without a renewal, and a reboot. Run by bash.
set -euo pipefail
cd /etc/kubernetes/pki
work=$(mktemp --directory)
touch "$work/index.txt"
cat >"$work/ca.cnf" <<CONFIG
[ca]
default_ca = made_old
[made_old]
database = $work/index.txt
rand_serial = yes
new_certs_dir = $work
default_md = sha256
policy = any
copy_extensions = copyall
unique_subject = no
[any]
organizationName = optional
commonName = optional
CONFIG

# expire CERTIFICATE KEY AUTHORITY: the same certificate, but for its dates.
expire() {
  openssl x509 -x509toreq -copy_extensions copyall -in "$1" -signkey "$2" -out "$work/request" 2>/dev/null
  openssl ca -batch -notext -config "$work/ca.cnf" -cert "$3.crt" -keyfile "$3.key" -in "$work/request" -out "$work/old" \
    -startdate 20240101000000Z -enddate 20250101000000Z 2>/dev/null
  cat "$work/old"
}

replace() {
  expire "$1.crt" "$1.key" "$2" >"$work/new"
  cp "$work/new" "$1.crt"
}
replace apiserver ca
replace apiserver-kubelet-client ca
replace apiserver-etcd-client etcd/ca
replace front-proxy-client front-proxy-ca
for name in server peer healthcheck-client; do replace "etcd/$name" etcd/ca; done

for name in admin controller-manager scheduler; do
  file=/etc/kubernetes/$name.conf
  sed --quiet 's/^ *client-certificate-data: //p' "$file" | base64 --decode >"$work/user.crt"
  sed --quiet 's/^ *client-key-data: //p' "$file" | base64 --decode >"$work/user.key"
  old=$(expire "$work/user.crt" "$work/user.key" ca | base64 --wrap 0)
  sed --in-place "s|client-certificate-data: .*|client-certificate-data: $old|" "$file"
done

kubelet=/var/lib/kubelet/pki/kubelet-client-current.pem
openssl x509 -in $kubelet >"$work/kubelet.crt"
openssl pkey -in $kubelet >"$work/kubelet.key"
systemctl stop kubelet
{
  expire "$work/kubelet.crt" "$work/kubelet.key" ca
  cat "$work/kubelet.key"
} >"$work/kubelet.pem"
cat "$work/kubelet.pem" >"$(readlink --canonicalize $kubelet)"
crictl ps --quiet | xargs --no-run-if-empty crictl stop >/dev/null
systemctl start kubelet || true # it does not come up with it
