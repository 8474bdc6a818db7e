"""Pictures to captions: Med-Art's visual symptom generator, its back ends, and the run over a folder."""
