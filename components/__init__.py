"""The program: settings become the resources of a Kubernetes cluster."""
