"""GGUF headers: read from a path, a URL, an object store or another host, and never the tensors."""
