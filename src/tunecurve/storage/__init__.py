"""Files on disk, on the ground floor: whole or not there, checked, and made by a known version."""
