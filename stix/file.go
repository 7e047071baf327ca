package stix

// Artifact is a piece of data: its bytes, or where they are (section 6.1).
type Artifact struct {
	ObservableCommon
	MIMEType            string            `stix:"mime_type"`
	Payload             string            `stix:"payload_bin" form:"base64"`
	URL                 string            `stix:"url" form:"url"` // with Hashes, in place of Payload
	Hashes              map[string]string `stix:"hashes" form:"hashes"`
	EncryptionAlgorithm string            `stix:"encryption_algorithm" enum:"AES-256-GCM ChaCha20-Poly1305 mime-type-indicated"`
	DecryptionKey       string            `stix:"decryption_key"`
}

// Directory is a folder of a file system (section 6.3).
type Directory struct {
	ObservableCommon
	Path         string    `stix:"path,required"`
	PathEncoding string    `stix:"path_enc"` // IANA character set of a path that is not Unicode
	Created      Timestamp `stix:"ctime"`
	Modified     Timestamp `stix:"mtime"`
	Accessed     Timestamp `stix:"atime"`
	ContainsRefs []string  `stix:"contains_refs" ref:"file directory"`
}

// File is a file (section 6.7). It has a Name or Hashes.
type File struct {
	ObservableCommon
	Hashes             map[string]string `stix:"hashes" form:"hashes"` // by algorithm: "SHA-256"
	Size               *int              `stix:"size" range:"0"`
	Name               string            `stix:"name"`
	NameEncoding       string            `stix:"name_enc"`
	MagicNumber        string            `stix:"magic_number_hex" form:"hex"`
	MIMEType           string            `stix:"mime_type"`
	Created            Timestamp         `stix:"ctime"`
	Modified           Timestamp         `stix:"mtime"`
	Accessed           Timestamp         `stix:"atime"`
	ParentDirectoryRef string            `stix:"parent_directory_ref" ref:"directory"`
	ContainsRefs       []string          `stix:"contains_refs" ref:"observable"`
	ContentRef         string            `stix:"content_ref" ref:"artifact"`
	Archive            *ArchiveExt       `ext:"archive-ext"`
	NTFS               *NTFSExt          `ext:"ntfs-ext"`
	PDF                *PDFExt           `ext:"pdf-ext"`
	RasterImage        *RasterImageExt   `ext:"raster-image-ext"`
	WindowsPEBinary    *PEBinaryExt      `ext:"windows-pebinary-ext"`
}

// ArchiveExt describes a file that holds others (section 6.7.2).
type ArchiveExt struct {
	ContainsRefs []string       `stix:"contains_refs,required" ref:"file directory"`
	Comment      string         `stix:"comment"`
	Custom       map[string]any `stix:"*"`
}

// NTFSExt holds what NTFS knows of a file (section 6.7.3).
type NTFSExt struct {
	SID                  string                `stix:"sid"`
	AlternateDataStreams []AlternateDataStream `stix:"alternate_data_streams"`
	Custom               map[string]any        `stix:"*"`
}

// AlternateDataStream is a further stream of a file on NTFS.
type AlternateDataStream struct {
	Name   string            `stix:"name,required"`
	Hashes map[string]string `stix:"hashes" form:"hashes"`
	Size   *int              `stix:"size" range:"0"`
	Custom map[string]any    `stix:"*"`
}

// PDFExt describes a PDF file (section 6.7.4).
type PDFExt struct {
	Version          string         `stix:"version"`
	IsOptimized      *bool          `stix:"is_optimized"`
	DocumentInfoDict map[string]any `stix:"document_info_dict"`
	ID0              string         `stix:"pdfid0"`
	ID1              string         `stix:"pdfid1"`
	Custom           map[string]any `stix:"*"`
}

// RasterImageExt describes a picture (section 6.7.5).
type RasterImageExt struct {
	ImageHeight  *int           `stix:"image_height"`
	ImageWidth   *int           `stix:"image_width"`
	BitsPerPixel *int           `stix:"bits_per_pixel"`
	EXIFTags     map[string]any `stix:"exif_tags"`
	Custom       map[string]any `stix:"*"`
}
