package stix

// EmailAddr is a mail address (section 6.5).
type EmailAddr struct {
	ObservableCommon
	Value        string `stix:"value,required"`
	DisplayName  string `stix:"display_name"`
	BelongsToRef string `stix:"belongs_to_ref" ref:"user-account"`
}

// EmailMessage is a mail (section 6.6): with a Body, or with parts if IsMultipart.
type EmailMessage struct {
	ObservableCommon
	IsMultipart            bool           `stix:"is_multipart,required"`
	Date                   Timestamp      `stix:"date"`
	ContentType            string         `stix:"content_type"`
	FromRef                string         `stix:"from_ref" ref:"email-addr"`
	SenderRef              string         `stix:"sender_ref" ref:"email-addr"`
	ToRefs                 []string       `stix:"to_refs" ref:"email-addr"`
	CCRefs                 []string       `stix:"cc_refs" ref:"email-addr"`
	BCCRefs                []string       `stix:"bcc_refs" ref:"email-addr"`
	MessageID              string         `stix:"message_id"`
	Subject                string         `stix:"subject"`
	ReceivedLines          []string       `stix:"received_lines"`
	AdditionalHeaderFields map[string]any `stix:"additional_header_fields"`
	Body                   string         `stix:"body"`
	BodyMultipart          []MIMEPart     `stix:"body_multipart"`
	RawEmailRef            string         `stix:"raw_email_ref" ref:"artifact"`
}

// MIMEPart is a part of a mail.
type MIMEPart struct {
	Body               string         `stix:"body"`
	BodyRawRef         string         `stix:"body_raw_ref" ref:"artifact file"`
	ContentType        string         `stix:"content_type"`
	ContentDisposition string         `stix:"content_disposition"`
	Custom             map[string]any `stix:"*"`
}
