"""Does a synthetic image show a training image again? What is found is said with the sensitivity of the looking."""
