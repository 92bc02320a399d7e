"""jaxrnn beside its peers: the same work, the same weights, in one run. README.md tells how."""
