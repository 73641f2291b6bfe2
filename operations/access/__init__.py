"""`make token`, `make kubeconfig`, and the way to the API server."""
