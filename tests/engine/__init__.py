"""The real engine and the real provider of Kubernetes, on stand-ins of machines or on none."""
