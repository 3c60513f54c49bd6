"""Measured learning curves of public data sets, with their sources, for a person who has no data yet.

`families.csv` has one row a data set and source, `points.csv` one row a measured point. Adding a curve is adding rows.
Knows nothing of studies, learners or forecasts: it says what was measured elsewhere, and never mixes it with a study's own
points.
"""

from tunecurve.atlas.load import Atlas, Curve, Family, load_atlas

__all__ = ["Atlas", "Curve", "Family", "load_atlas"]
