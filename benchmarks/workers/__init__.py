"""One file a framework. Each has VARIANTS (cell -> Variant, where it is not the library's own),
versions() and build(workload, weights, inputs) -> Built, with weights in its variant's form."""
