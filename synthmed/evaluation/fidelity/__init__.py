"""How near a synthetic set's images are to real ones, each figure beside its floor of real against real."""
