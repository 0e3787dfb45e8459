"""Commands on a node as services of their own, which go on when nobody watches."""
