"""Coverage-guided fuzzing of the codec, and what it has found."""
