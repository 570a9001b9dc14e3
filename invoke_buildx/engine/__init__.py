"""What Docker says: the only doors to processes, sockets and HTTP."""
