"""From features to latents."""
