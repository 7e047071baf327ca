package stix

// AutonomousSystem is a part of the internet with one routing policy (section 6.2).
type AutonomousSystem struct {
	ObservableCommon
	Number int    `stix:"number,required"`
	Name   string `stix:"name"`
	RIR    string `stix:"rir"` // the regional registry that assigned the number
}

// DomainName is a domain name (section 6.4).
type DomainName struct {
	ObservableCommon
	Value          string   `stix:"value,required"`
	ResolvesToRefs []string `stix:"resolves_to_refs" ref:"ipv4-addr ipv6-addr domain-name"`
}

// IPv4Addr is an IPv4 address, or a network in CIDR form (section 6.8).
type IPv4Addr struct {
	ObservableCommon
	Value          string   `stix:"value,required"`
	ResolvesToRefs []string `stix:"resolves_to_refs" ref:"mac-addr"`
	BelongsToRefs  []string `stix:"belongs_to_refs" ref:"autonomous-system"`
}

// IPv6Addr is an IPv6 address, or a network in CIDR form (section 6.9).
type IPv6Addr struct {
	ObservableCommon
	Value          string   `stix:"value,required"`
	ResolvesToRefs []string `stix:"resolves_to_refs" ref:"mac-addr"`
	BelongsToRefs  []string `stix:"belongs_to_refs" ref:"autonomous-system"`
}

// MACAddr is the address of a network card (section 6.10), in lower case with colons.
type MACAddr struct {
	ObservableCommon
	Value string `stix:"value,required"`
}

// URL is an address of the web and the like (section 6.15).
type URL struct {
	ObservableCommon
	Value string `stix:"value,required"`
}

// NetworkTraffic is traffic between two addresses, of which one may be unknown
// (section 6.12).
type NetworkTraffic struct {
	ObservableCommon
	Start             Timestamp       `stix:"start"`
	End               Timestamp       `stix:"end"`
	IsActive          *bool           `stix:"is_active"`
	SrcRef            string          `stix:"src_ref" ref:"ipv4-addr ipv6-addr mac-addr domain-name"`
	DstRef            string          `stix:"dst_ref" ref:"ipv4-addr ipv6-addr mac-addr domain-name"`
	SrcPort           *int            `stix:"src_port" range:"0 65535"`
	DstPort           *int            `stix:"dst_port" range:"0 65535"`
	Protocols         []string        `stix:"protocols,required"` // from the outermost: "ipv4", "tcp", "http"
	SrcByteCount      *int            `stix:"src_byte_count" range:"0"`
	DstByteCount      *int            `stix:"dst_byte_count" range:"0"`
	SrcPackets        *int            `stix:"src_packets" range:"0"`
	DstPackets        *int            `stix:"dst_packets" range:"0"`
	IPFIX             map[string]any  `stix:"ipfix"`
	SrcPayloadRef     string          `stix:"src_payload_ref" ref:"artifact"`
	DstPayloadRef     string          `stix:"dst_payload_ref" ref:"artifact"`
	EncapsulatesRefs  []string        `stix:"encapsulates_refs" ref:"network-traffic"`
	EncapsulatedByRef string          `stix:"encapsulated_by_ref" ref:"network-traffic"`
	HTTPRequest       *HTTPRequestExt `ext:"http-request-ext"`
	ICMP              *ICMPExt        `ext:"icmp-ext"`
	Socket            *SocketExt      `ext:"socket-ext"`
	TCP               *TCPExt         `ext:"tcp-ext"`
}

// HTTPRequestExt describes a request of HTTP (section 6.12.2).
type HTTPRequestExt struct {
	Method            string         `stix:"request_method,required"` // in lower case
	Value             string         `stix:"request_value,required"`  // the path, usually
	Version           string         `stix:"request_version"`
	Header            map[string]any `stix:"request_header"`
	MessageBodyLength *int           `stix:"message_body_length"`
	MessageBodyRef    string         `stix:"message_body_data_ref" ref:"artifact"`
	Custom            map[string]any `stix:"*"`
}

// ICMPExt describes a message of ICMP (section 6.12.3).
type ICMPExt struct {
	TypeHex string         `stix:"icmp_type_hex,required" form:"hex"`
	CodeHex string         `stix:"icmp_code_hex,required" form:"hex"`
	Custom  map[string]any `stix:"*"`
}

// SocketExt describes a socket (section 6.12.4).
type SocketExt struct {
	AddressFamily string         `stix:"address_family,required" enum:"AF_UNSPEC AF_INET AF_IPX AF_APPLETALK AF_NETBIOS AF_INET6 AF_IRDA AF_BTH"`
	IsBlocking    *bool          `stix:"is_blocking"`
	IsListening   *bool          `stix:"is_listening"`
	Options       map[string]any `stix:"options"` // such as {"SO_RCVTIMEO": 100}
	SocketType    string         `stix:"socket_type" enum:"SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET"`
	Descriptor    *int           `stix:"socket_descriptor" range:"0"`
	Handle        *int           `stix:"socket_handle"`
	Custom        map[string]any `stix:"*"`
}

// TCPExt holds the flags of a TCP connection (section 6.12.5).
type TCPExt struct {
	SrcFlagsHex string         `stix:"src_flags_hex" form:"hex"`
	DstFlagsHex string         `stix:"dst_flags_hex" form:"hex"`
	Custom      map[string]any `stix:"*"`
}
