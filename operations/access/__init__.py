"""`make token`, `make kubeconfig`, and requests to the API server."""
