"""Pictures of networks, of their training, and of what they do: PNG or PDF files."""
