"""Jobs as processes of their own: queue, start, list, follow and stop them."""
