"""The program: settings in, a Kubernetes cluster out."""
