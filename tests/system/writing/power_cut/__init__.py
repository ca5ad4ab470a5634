"""Power cuts: a disk that writes down all that reaches it, and every state that it could have been left in."""
