"""How data become noise and noise becomes data: processes, targets, samplers. Knows no network and no paper."""
