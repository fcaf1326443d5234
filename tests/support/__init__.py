"""What the tests stand on: real servers, a real hub process, and a client that keeps books."""
