"""The running server: is it ready, what does it answer, what did it log."""
