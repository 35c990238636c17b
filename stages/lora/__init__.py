"""What every text adapter goes through: base, train, fuse, quantize. Knows nothing of prose or MIDI."""
