"""From a lowered function to the text of a module: of scalars, or of arrays of run-time lengths."""
