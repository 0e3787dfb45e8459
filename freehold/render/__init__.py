"""Pure: (spec, manifests, box) -> the files of a node."""
