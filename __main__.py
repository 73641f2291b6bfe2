"""A Kubernetes cluster on the machines of a stack.

The order in which things happen:

1. The stack file is read, and refused with all its problems at once.
2. It is compared with what the last update left, and the plan is announced.
3. Hosts are prepared, in parallel; kubeadm init runs on the control plane.
4. Calico is applied; workers join, in parallel.
5. Labels, namespaces, add-ons, access rules and pull secrets are applied.

`Cluster` is this order in code.
"""

import pulumi

from components.cluster import Cluster
from components.engine_traffic import leave_out_traces_and_debug_messages
from components.settings.passwords import encryption_keys, registry_passwords, repository_passwords
from components.settings.stack_file import CLUSTER, load_settings

leave_out_traces_and_debug_messages()
settings = load_settings()  # raises once, with every problem of the stack file
cluster = Cluster(
    CLUSTER,
    settings,
    registry_passwords=registry_passwords(settings),
    repository_passwords=repository_passwords(settings),
    encryption_keys=encryption_keys(settings),
)

for name, value in cluster.outputs.items():
    pulumi.export(name, value)
