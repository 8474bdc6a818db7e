"""What a third party's package adds to synthmed by entry points alone."""

from synthmed.modality import Modality

ULTRASOUND = Modality("us", "ultrasound, a third party's modality")
