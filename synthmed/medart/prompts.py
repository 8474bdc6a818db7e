"""For `synthmed.medart.training`, until it imports `synthmed.prompts` itself."""

from synthmed.prompts import worded as worded
