"""The patterns of values in a stack file, and the description of each pattern in words."""

_PORT = r"(:[0-9]{1,5})?"
_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_URL_HOST = rf"([A-Za-z0-9_{{}}-]+(\.[A-Za-z0-9_{{}}-]+)*|\[[0-9A-Fa-f:.]+\]){_PORT}"
"""Without user and password. `{minor}` may be in it."""
_URL_PATH = r"[!$-&(-Z^-~]*"
"""Printable ASCII without what ends a text, escapes, groups or begins a comment in a file of a host: quotes, backslash,
brackets, `#`."""

_DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
"""Names of most objects of Kubernetes, without a limit between two dots."""
_IMAGE_PATH = r"[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"

DNS_LABEL = rf"^{_DNS_LABEL}$"
HOST_NAME = rf"^{_DNS_NAME}$"
REGISTRY = rf"^{_NAME}(\.{_NAME})*{_PORT}$"
IMAGE = (
    rf"^({_NAME}(\.{_NAME})*{_PORT}/)?{_IMAGE_PATH}(/{_IMAGE_PATH})*"
    r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha(256|512):[0-9a-f]+)?$"
)
IMAGE_PREFIX = rf"^{_NAME}(\.{_NAME})*{_PORT}(/{_IMAGE_PATH})*$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_KEY = rf"^({_DNS_NAME}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
USER = r"^[A-Za-z0-9_]([A-Za-z0-9._@+\\-]*[A-Za-z0-9_$])?$"
"""Also that of a directory service, such as `john.doe`, `John@example.com` or `CORP\\john`. OpenSSH takes no others."""
HTTP_URL = rf"^https?://{_URL_HOST}([/?]{_URL_PATH})?$"
SERVER_URL = rf"^https?://{_URL_HOST}(/[!$-&(->@-Z^-~]*)?$"
"""An address as HTTP_URL, without a query: programs append paths."""
HTTPS_OR_FILE_URL = rf"^(https?://{_URL_HOST}([/?]{_URL_PATH})?|file://(localhost)?/{_URL_PATH})$"
CHART_REPOSITORY = rf"{HTTPS_OR_FILE_URL[:-2]}|oci://{_NAME}(\.{_NAME})*{_PORT}(/{_IMAGE_PATH})*/?)$"
IDENTITY = r"^[0-9a-f]{16}$"
SHA256 = r"^(sha256:)?[0-9A-Fa-f]{64}([ \t].*)?$"
"""A line of sha256sum, with the name of the file, or a digest as pages of releases have it."""
FINGERPRINT = r"^(0x)?([0-9A-Fa-f]{4} *){10}$"
SYSCTL_VALUE = r"^([^\x00-\x20\x7f-\x9f\u2028\u2029]+([ \t][^\x00-\x20\x7f-\x9f\u2028\u2029]+)*)?$"
HOST_KEY = r"^([^ \t#@]+[ \t]+)?(ssh|ecdsa)-[a-z0-9-]+[ \t]+[A-Za-z0-9+/=]+([ \t].*)?$"
"""A line of known_hosts or ssh-keyscan, which begins with an address or its hash, or of a `.pub` file, which ends with
a comment."""
NAME_OR_ADDRESS = rf"^{_NAME}(\.{_NAME})*$"
ENDPOINT = (
    r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$"
)
PROXY = rf"^https?://([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]){_PORT}/?$"
DESTINATION = r"^[A-Za-z0-9.:/*_-]+$"
KUBERNETES_VERSION = r"^1\.[0-9]{1,3}\.[0-9]{1,3}$"
CHART = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
VERSION = r"^\d+\.\d+\.\d+$"
DIRECTORY = r"^(/[A-Za-z0-9_][A-Za-z0-9._@+-]*)+/?$"
PACKAGE = r"^[a-z0-9][a-z0-9.+-]+$"
MODULE = r"^[A-Za-z0-9_][A-Za-z0-9_-]*$"
SYSCTL = r"^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)*$"
"""In a name that has a dot first, a `/` stands for a dot, as of the VLAN in `net.ipv4.conf.eth0/100.rp_filter`."""
SETTING = r"^[A-Za-z][A-Za-z0-9]*$"
PREFLIGHT = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Such as `FileContent--proc-sys-net-ipv4-ip_forward`, which has the path of a file."""
REGISTRY_USER = r"^[!-9;-~]+$"
REPOSITORY_USER = r"^[!$-9;-~][!-9;-~]*$"
"""curl reads a word that begins with a double quote or `#` otherwise."""
SUITE = r"^([A-Za-z0-9._/-]|\{codename\})+$"
COMPONENT = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"
DETECTION = r"^[A-Za-z0-9=.,*/:^$|+?()\[\]\\_-]+$"
"""Names of interfaces are regular expressions there."""
ROLE = r"^[A-Za-z0-9]([A-Za-z0-9:._-]{0,251}[A-Za-z0-9])?$"
ACCOUNT_NAME = rf"^{_SUBDOMAIN}$"
ACCOUNT = rf"^{_DNS_LABEL}/{_SUBDOMAIN}$"

WORDS = {
    DNS_LABEL: "lower-case letters, digits and `-`, at most 63, neither first nor last a `-`",
    HOST_NAME: "a host name: lower-case letters, digits, `-` and `.`, at most 63 between two dots",
    REGISTRY: "a registry's host name, with its port if it has one, and without `https://`",
    IMAGE: "an image name in lower case, such as `hub.example.com/k8s/pause:3.10`, without `https://`, user and"
    " password",
    IMAGE_PREFIX: "a registry, and a path in lower case if it has one, such as `hub.example.com/k8s`",
    LABEL_KEY: "a key such as `zone` or `example.com/zone`",
    LABEL_VALUE: "letters, digits, `-`, `_` and `.`, at most 63, beginning and ending with a letter or digit",
    USER: "a user name: letters, digits and `._@+-`, beginning with a letter, a digit or `_`",
    DIRECTORY: "the absolute path of a directory, without spaces",
    HTTP_URL: "an address that begins with `http://` or `https://`, without user and password, in ASCII",
    SERVER_URL: "an address that begins with `http://` or `https://`, without user, password and query, in ASCII",
    HTTPS_OR_FILE_URL: "an address that begins with `https://`, `http://` or `file:///`, without user and password, in"
    " ASCII",
    CHART_REPOSITORY: "an address that begins with `https://`, `http://`, `file:///` or `oci://`, without user and"
    " password, in ASCII",
    IDENTITY: "16 hexadecimal digits, lower case",
    SHA256: "64 hexadecimal digits",
    FINGERPRINT: "a key's fingerprint: 40 hexadecimal digits, with spaces or without",
    SYSCTL_VALUE: "one line of text, words with one space or tab between them",
    HOST_KEY: "a whole public key as a .pub file has it: a type such as `ssh-ed25519`, and the key in base64",
    ENDPOINT: "a host name in lower case or an IPv4 address, with a port if it has one, and without `https://`",
    NAME_OR_ADDRESS: "a host name or an address",
    PROXY: "an address such as `http://proxy.example.com:3128`, without user and password",
    DESTINATION: "a host name, a `.domain` or a network",
    KUBERNETES_VERSION: "a version such as 1.36.3, without a leading v",
    CHART: "letters, digits, `.`, `_`, `+` and `-`, as in index.yaml of a repository",
    VERSION: "a version such as 3.28.5, without a leading v",
    PACKAGE: "the name of a Debian package",
    MODULE: "the name of a kernel module",
    SYSCTL: "the name of a sysctl, such as vm.swappiness",
    SETTING: "a name of letters and digits",
    PREFLIGHT: "the name of one of kubeadm's checks",
    REGISTRY_USER: "a user name in ASCII, without spaces and without the `:` that would end it",
    REPOSITORY_USER: "a user name in ASCII, without spaces and `:`, with neither a double quote nor `#` first",
    SUITE: "a suite, such as `stable` or `{codename}`, or `/` for a flat repository",
    COMPONENT: "a component, such as `main` or `thirdparty/k8s`",
    DETECTION: "a method of Calico, such as `kubernetes-internal-ip` or `interface=eth1`",
    ROLE: "a name of Kubernetes' access rules: letters, digits, `-`, `.`, `_` and `:`",
    ACCOUNT_NAME: "lower-case letters, digits, `-` and `.`, at most 253, such as `robot` or `build.robot`",
    ACCOUNT: "a service account as `namespace/name`",
}
