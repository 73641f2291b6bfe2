"""Refusals of add-ons of the stack file, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi

from components.addons import ADDONS, addons_of
from components.addons.charts import chart_namespace, left_out_hooks
from components.addons.manifests import DEFINITION, Manifest, containers, image_in_text, object_name
from components.addons.of_stack import objects_of_addon
from components.objects.access_rules import access_objects
from components.objects.node_addresses import node_addresses
from components.objects.pull_secrets import NAME as PULL_SECRET
from components.settings import Settings
from components.settings.access import OF_KUBERNETES
from components.settings.stack_file import SettingsError
from components.steps.wanted import Wanted
from components.yaml_text import yaml_text
from problem import Problem

OF_KUBEADM = {
    *(f"ConfigMap:kube-system/{name}" for name in ("kubeadm-config", "kubelet-config", "kube-proxy", "coredns")),
    "ConfigMap:kube-public/cluster-info",
    "DaemonSet:kube-system/kube-proxy",
    "Deployment:kube-system/coredns",
    "Service:kube-system/kube-dns",
}
"""Objects that kubeadm makes, and changes at an upgrade."""


def refuse_wrong_addons(settings: Settings) -> None:
    """Refuse add-ons whose manifest is none, or whose name or objects belong to something else.

    Raises:
        SettingsError: with every problem of every add-on.
    """
    problems = list(_problems(settings))
    if problems:
        raise SettingsError(problems)


def warn_of_hooks(settings: Settings) -> None:
    """Log, in every preview and update, hooks of charts that nothing runs."""
    for name, addon in settings.addons.items():
        hooks = left_out_hooks(name, settings) if addon.chart else []
        if hooks:
            problem = Problem(
                f"add-on {name}",
                expected="a chart without hooks of a removal or a rollback, which only Helm runs",
                seen=", ".join(hooks),
                next_command="read in the chart what they clean up, and do it by hand before you remove the add-on",
            )
            pulumi.log.warn(str(problem))


def moved_objects(wanted: Wanted) -> Iterator[str]:
    """Add-ons with objects of another kind of add-on that leaves: the engine would make these, and then delete them."""
    components = {key[1]: of for key, of in wanted.last.components.items() if key[0] != DEFINITION}
    for addon in addons_of(wanted.settings) if components else []:
        names = {object_name(each) for each in addon.objects(wanted.settings)} & components.keys()
        moved = sorted(name for name in names if components[name] != f"kubeadm:index:{addon.type}")
        if moved:
            yield (
                f"add-on {addon.name}: its objects are those of another add-on until that one has left, found"
                f" {moved[0]}; leave {addon.name} out, or switch it off, `pulumi up`, then write it again"
            )


def _problems(settings: Settings) -> Iterator[str]:
    of_others = _owners(settings) if settings.addons else {}
    owners, built_in = dict(of_others), {addon.name for addon in ADDONS}
    for name, addon in settings.addons.items():
        path = f"addons.{name}"
        if name in built_in:
            yield f"{path}: the name of a built-in add-on; take another name"
        try:
            objects = objects_of_addon(name, settings)
        except pulumi.RunError as error:
            yield f"{path}: {error}"
            continue
        place = f"{path}.{'chart' if addon.chart else 'manifest'}"
        # Add-ons of the stack may share one, which stays; a built-in add-on deletes its own.
        owner = of_others.get(f"Namespace:{chart_namespace(name, addon)}")
        if owner:
            yield f"{place}.namespace: {owner} has the same namespace; take another one"
        for manifest in objects:
            problem = _problem(manifest, owners)
            if problem:
                yield f"{place}: {problem}, found {object_name(manifest)}"
            owners.setdefault(_key(manifest), f"add-on {name}")
        text = yaml_text(*objects)
        for image in addon.images:
            if not image_in_text(image).search(text):
                yield f"{path}.images: an image that the objects name, found {image}, which is nowhere in them"


def _problem(manifest: Manifest, owners: dict[str, str]) -> str | None:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    if kind == "Node" or (kind == "Namespace" and name in OF_KUBERNETES) or _key(manifest) in OF_KUBEADM:
        return "an object of Kubernetes itself; leave it out"
    if _key(manifest) in owners:
        return f"{owners[_key(manifest)]} has the same object; remove one of them"
    if kind == "Secret" and (_has_content(manifest.get("data")) or _has_content(manifest.get("stringData"))):
        return "a secret with content, which state and previews would show; leave it out, and make it with kubectl"
    if not all(isinstance(each["image"], str) for each in containers(manifest)):
        return "an image that is no text"
    return None


def _has_content(data: object) -> bool:
    return any(data.values()) if isinstance(data, dict) else bool(data)


def _key(manifest: Manifest) -> str:
    """The name of an object; where a manifest names no namespace, a cluster takes `default`."""
    return object_name(manifest).replace(":default/", ":")


def _owners(settings: Settings) -> dict[str, str]:
    """Owners of objects, by the key of the object."""
    enabled = [addon for addon in ADDONS if addon.is_wanted(settings)]
    owners = {_key(each): f"add-on {addon.name}" for addon in enabled for each in addon.objects(settings)}
    owners |= {f"Namespace:{addon.namespace}": f"add-on {addon.name}" for addon in enabled if addon.namespace}
    owners |= {_key(dict(each.inputs)): "a rule in `access`" for each in access_objects(settings)}
    owners[_key(dict(node_addresses(settings).inputs))] = "the stack"
    secrets = (f"Secret:{namespace}/{PULL_SECRET}" for namespace in settings.images.pull_secret_namespaces)
    return owners | {each.replace(":default/", ":"): "images.pullSecretNamespaces" for each in secrets}
