"""The local mirror: packages and images for machines that have no way out."""
