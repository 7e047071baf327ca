package identity

// CheapPasswords hashes with little memory, for tests that are not about cost.
func CheapPasswords(s *Service) { s.argon = argonParams{memory: 64, passes: 1, lanes: 1} }

// Verify compares a password with a PHC string.
func Verify(phc, password string) (bool, error) {
	ok, _, err := argonDefault().verify(phc, password)
	return ok, err
}

// Decoy is what an unknown login is compared with.
const Decoy = decoy
