package ondisk

// Forget makes s one that was never read, so that Encode writes every byte itself.
func (s *Super) Forget() { s.raw = nil }
