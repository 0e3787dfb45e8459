"""Where commands run: the Host protocol, and OpenSSH behind it."""
