package stix

// X509Certificate is a certificate (section 6.18).
type X509Certificate struct {
	ObservableCommon
	IsSelfSigned              *bool             `stix:"is_self_signed"`
	Hashes                    map[string]string `stix:"hashes" form:"hashes"` // of the whole certificate
	Version                   string            `stix:"version"`
	SerialNumber              string            `stix:"serial_number"`
	SignatureAlgorithm        string            `stix:"signature_algorithm"`
	Issuer                    string            `stix:"issuer"`
	ValidityNotBefore         Timestamp         `stix:"validity_not_before"`
	ValidityNotAfter          Timestamp         `stix:"validity_not_after"`
	Subject                   string            `stix:"subject"`
	SubjectPublicKeyAlgorithm string            `stix:"subject_public_key_algorithm"`
	SubjectPublicKeyModulus   string            `stix:"subject_public_key_modulus"`
	SubjectPublicKeyExponent  *int              `stix:"subject_public_key_exponent"`
	V3Extensions              *X509V3Extensions `stix:"x509_v3_extensions"`
}

// X509V3Extensions are the extensions of version 3 of a certificate.
type X509V3Extensions struct {
	BasicConstraints               string         `stix:"basic_constraints"`
	NameConstraints                string         `stix:"name_constraints"`
	PolicyConstraints              string         `stix:"policy_constraints"`
	KeyUsage                       string         `stix:"key_usage"`
	ExtendedKeyUsage               string         `stix:"extended_key_usage"`
	SubjectKeyIdentifier           string         `stix:"subject_key_identifier"`
	AuthorityKeyIdentifier         string         `stix:"authority_key_identifier"`
	SubjectAlternativeName         string         `stix:"subject_alternative_name"`
	IssuerAlternativeName          string         `stix:"issuer_alternative_name"`
	SubjectDirectoryAttributes     string         `stix:"subject_directory_attributes"`
	CRLDistributionPoints          string         `stix:"crl_distribution_points"`
	InhibitAnyPolicy               string         `stix:"inhibit_any_policy"`
	PrivateKeyUsagePeriodNotBefore Timestamp      `stix:"private_key_usage_period_not_before"`
	PrivateKeyUsagePeriodNotAfter  Timestamp      `stix:"private_key_usage_period_not_after"`
	CertificatePolicies            string         `stix:"certificate_policies"`
	PolicyMappings                 string         `stix:"policy_mappings"`
	Custom                         map[string]any `stix:"*"`
}
