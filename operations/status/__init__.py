"""`make status`: what is wrong with a cluster."""
