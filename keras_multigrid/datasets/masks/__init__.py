"""Images with masks, from folders as people keep them."""
