"""A Helm chart of the tests, and a stand-in of Helm for it; tests/provider holds the stand-in to Helm."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pools.shop.example.com}
spec:
  group: shop.example.com
  scope: Cluster
  names: {kind: Pool, plural: pools, singular: pool}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
SERVER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-server}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers: [{name: server, image: {{ .Values.image | quote }}}]
---
apiVersion: shop.example.com/v1
kind: Pool
metadata: {name: first}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}
data:
  since: 2026-01-21
  helper: {{ .Values.helper | quote }}
  kubernetes: {{ .Capabilities.KubeVersion.Version | quote }}
  nodes: {{ lookup "v1" "Node" "" "" | toJson | quote }}
"""
SOMETIMES = """\
apiVersion: batch/v1
kind: Job
metadata: {name: test, annotations: {helm.sh/hook: test}}
---
{{- if .Values.fails }}{{ fail "no such size" }}{{ end }}
{{- range .Values.hooks }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: {{ . | quote }}}}
{{- end }}
{{- if .Values.random }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: random}
data: {password: {{ randAlphaNum 16 | quote }}}
{{- end }}
{{- with .Values.time }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: time, annotations: {rolled: {{ now | date . | quote }}}}
{{- end }}
{{- if .Values.secret }}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: {{ .Values.secret | quote }}}
{{- end }}
"""
FILES = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\nkubeVersion: '>=1.24.0-0'\n",
    "values.yaml": "replicas: 1\nimage: docker.io/library/nginx:1.29\nhelper: docker.io/library/busybox:1.36\n",
    "values.schema.json": json.dumps({"properties": {"replicas": {"type": "integer"}}}),
    "crds/pools.yaml": DEFINITION,
    "templates/server.yaml": SERVER,
    "templates/sometimes.yaml": SOMETIMES,
    "templates/NOTES.txt": "Nobody reads it.\n",
}
REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"replicas": "three"}, "at '/replicas': got string, want integer"),
    ({"fails": True}, "no such size"),
    ({"random": True}, "ConfigMap random, which is another one at each run"),
    ({"time": "2006-01-02T15:04:05Z07:00"}, "ConfigMap time, which is another one at each run"),
    ({"time": "05"}, "ConfigMap time, which is another one at each run"),
    ({"time": "2006-01-02"}, "ConfigMap time, which is another one at each run"),
)
"""Values that Helm refuses by the schema of the chart, by its templates, and what a chart makes up, with its words."""
IMAGE, HELPER = "docker.io/library/nginx:1.29", "docker.io/library/busybox:1.36"


def archive(directory: Path) -> Path:
    """The chart as `helm package` makes it, always of the same bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as made:
        for name, text in FILES.items():
            entry = tarfile.TarInfo(f"shop/{name}")
            entry.size = len(text.encode())
            made.addfile(entry, io.BytesIO(text.encode()))
    path = directory / "shop-1.2.3.tgz"
    path.write_bytes(packed.getvalue())
    return path


def stand_in(_: bytes, options: str) -> list[Any]:
    """The documents that Helm makes of the chart, in its order."""
    parameters = json.loads(options)
    values = {"replicas": 1, "image": IMAGE, "helper": HELPER, **parameters["values"]}
    placed = {"namespace": parameters["namespace"]}
    server, pool, kept = yaml.load_all(_filled(SERVER, parameters, values), yaml.BaseLoader)
    server["spec"]["replicas"] = values["replicas"]
    for each in (server, pool, kept):
        each["metadata"] |= placed
    hooks = [
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "hook", "annotations": {"helm.sh/hook": each}}}
        for each in values.get("hooks", ())
    ]
    login: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}}
    secrets = [login | {"stringData": {"password": values["secret"]}}] if "secret" in values else []
    for each in (*hooks, *secrets):
        each["metadata"] |= placed
    return [yaml.safe_load(DEFINITION), *secrets, kept, server, pool, *hooks]


def _filled(template: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """The template with what Helm puts into it."""
    texts = {
        "{{ .Release.Name }}": parameters["release_name"],
        "{{ .Values.replicas }}": values["replicas"],
        "{{ .Values.image | quote }}": json.dumps(values["image"]),
        "{{ .Values.helper | quote }}": json.dumps(values["helper"]),
        "{{ .Capabilities.KubeVersion.Version | quote }}": json.dumps(f"v{parameters['kube_version']}"),
        '{{ lookup "v1" "Node" "" "" | toJson | quote }}': json.dumps("{}"),
    }
    for name, text in texts.items():
        template = template.replace(name, str(text))
    return template
