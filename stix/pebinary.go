package stix

// PEBinaryExt describes an executable file of Windows (section 6.7.6).
type PEBinaryExt struct {
	Type                    string            `stix:"pe_type,required"` // "exe", "dll", "sys"
	Imphash                 string            `stix:"imphash"`
	MachineHex              string            `stix:"machine_hex" form:"hex"`
	NumberOfSections        *int              `stix:"number_of_sections" range:"0"`
	TimeDateStamp           Timestamp         `stix:"time_date_stamp"`
	PointerToSymbolTableHex string            `stix:"pointer_to_symbol_table_hex" form:"hex"`
	NumberOfSymbols         *int              `stix:"number_of_symbols" range:"0"`
	SizeOfOptionalHeader    *int              `stix:"size_of_optional_header" range:"0"`
	CharacteristicsHex      string            `stix:"characteristics_hex" form:"hex"`
	FileHeaderHashes        map[string]string `stix:"file_header_hashes" form:"hashes"`
	OptionalHeader          *PEOptionalHeader `stix:"optional_header"`
	Sections                []PESection       `stix:"sections"`
	Custom                  map[string]any    `stix:"*"`
}

// PESection is a section of an executable file of Windows.
type PESection struct {
	Name    string            `stix:"name,required"`
	Size    *int              `stix:"size" range:"0"`
	Entropy *float64          `stix:"entropy"`
	Hashes  map[string]string `stix:"hashes" form:"hashes"`
	Custom  map[string]any    `stix:"*"`
}

// PEOptionalHeader is the optional header of an executable file of Windows.
type PEOptionalHeader struct {
	MagicHex                string            `stix:"magic_hex" form:"hex"`
	MajorLinkerVersion      *int              `stix:"major_linker_version"`
	MinorLinkerVersion      *int              `stix:"minor_linker_version"`
	SizeOfCode              *int              `stix:"size_of_code" range:"0"`
	SizeOfInitializedData   *int              `stix:"size_of_initialized_data" range:"0"`
	SizeOfUninitializedData *int              `stix:"size_of_uninitialized_data" range:"0"`
	AddressOfEntryPoint     *int              `stix:"address_of_entry_point"`
	BaseOfCode              *int              `stix:"base_of_code"`
	BaseOfData              *int              `stix:"base_of_data"`
	ImageBase               *int              `stix:"image_base"`
	SectionAlignment        *int              `stix:"section_alignment"`
	FileAlignment           *int              `stix:"file_alignment"`
	MajorOSVersion          *int              `stix:"major_os_version"`
	MinorOSVersion          *int              `stix:"minor_os_version"`
	MajorImageVersion       *int              `stix:"major_image_version"`
	MinorImageVersion       *int              `stix:"minor_image_version"`
	MajorSubsystemVersion   *int              `stix:"major_subsystem_version"`
	MinorSubsystemVersion   *int              `stix:"minor_subsystem_version"`
	Win32VersionValueHex    string            `stix:"win32_version_value_hex" form:"hex"`
	SizeOfImage             *int              `stix:"size_of_image" range:"0"`
	SizeOfHeaders           *int              `stix:"size_of_headers" range:"0"`
	ChecksumHex             string            `stix:"checksum_hex" form:"hex"`
	SubsystemHex            string            `stix:"subsystem_hex" form:"hex"`
	DLLCharacteristicsHex   string            `stix:"dll_characteristics_hex" form:"hex"`
	SizeOfStackReserve      *int              `stix:"size_of_stack_reserve" range:"0"`
	SizeOfStackCommit       *int              `stix:"size_of_stack_commit" range:"0"`
	SizeOfHeapReserve       *int              `stix:"size_of_heap_reserve"`
	SizeOfHeapCommit        *int              `stix:"size_of_heap_commit"`
	LoaderFlagsHex          string            `stix:"loader_flags_hex" form:"hex"`
	NumberOfRVAAndSizes     *int              `stix:"number_of_rva_and_sizes"`
	Hashes                  map[string]string `stix:"hashes" form:"hashes"`
	Custom                  map[string]any    `stix:"*"`
}
