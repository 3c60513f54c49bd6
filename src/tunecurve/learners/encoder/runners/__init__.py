"""Programs that are written beside exported models; they need nothing of this package."""
