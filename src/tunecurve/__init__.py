"""tunecurve: how much data do I need to fine-tune this model, and is more labelling worth it?"""
