// (first file of this target)
