package evtx

// SampleLog is a log of two process events, for the examples.
func SampleLog() []byte { return logFile(sampleChunk(1, 2)) }
