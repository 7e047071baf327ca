package stix

// Mutex is a mutual exclusion object (section 6.11).
type Mutex struct {
	ObservableCommon
	Name string `stix:"name,required"`
}

// Process is a running program (section 6.13). Its id is random: it has no content
// that names it.
type Process struct {
	ObservableCommon
	IsHidden             *bool              `stix:"is_hidden"`
	PID                  *int               `stix:"pid"`
	CreatedTime          Timestamp          `stix:"created_time"`
	CWD                  string             `stix:"cwd"`
	CommandLine          string             `stix:"command_line"`
	EnvironmentVariables map[string]string  `stix:"environment_variables"`
	OpenedConnectionRefs []string           `stix:"opened_connection_refs" ref:"network-traffic"`
	CreatorUserRef       string             `stix:"creator_user_ref" ref:"user-account"`
	ImageRef             string             `stix:"image_ref" ref:"file"`
	ParentRef            string             `stix:"parent_ref" ref:"process"`
	ChildRefs            []string           `stix:"child_refs" ref:"process"`
	WindowsProcess       *WindowsProcessExt `ext:"windows-process-ext"`
	WindowsService       *WindowsServiceExt `ext:"windows-service-ext"`
}

// WindowsProcessExt holds what Windows knows of a process (section 6.13.2).
type WindowsProcessExt struct {
	ASLREnabled    *bool          `stix:"aslr_enabled"`
	DEPEnabled     *bool          `stix:"dep_enabled"`
	Priority       string         `stix:"priority"`
	OwnerSID       string         `stix:"owner_sid"`
	WindowTitle    string         `stix:"window_title"`
	StartupInfo    map[string]any `stix:"startup_info"`
	IntegrityLevel string         `stix:"integrity_level" enum:"low medium high system"`
	Custom         map[string]any `stix:"*"`
}

// WindowsServiceExt describes a process that is a service of Windows (section 6.13.3).
type WindowsServiceExt struct {
	ServiceName    string         `stix:"service_name"`
	Descriptions   []string       `stix:"descriptions"`
	DisplayName    string         `stix:"display_name"`
	GroupName      string         `stix:"group_name"`
	StartType      string         `stix:"start_type" enum:"SERVICE_AUTO_START SERVICE_BOOT_START SERVICE_DEMAND_START SERVICE_DISABLED SERVICE_SYSTEM_ALERT"`
	ServiceDLLRefs []string       `stix:"service_dll_refs" ref:"file"`
	ServiceType    string         `stix:"service_type" enum:"SERVICE_KERNEL_DRIVER SERVICE_FILE_SYSTEM_DRIVER SERVICE_WIN32_OWN_PROCESS SERVICE_WIN32_SHARE_PROCESS"`
	ServiceStatus  string         `stix:"service_status" enum:"SERVICE_CONTINUE_PENDING SERVICE_PAUSE_PENDING SERVICE_PAUSED SERVICE_RUNNING SERVICE_START_PENDING SERVICE_STOP_PENDING SERVICE_STOPPED"`
	Custom         map[string]any `stix:"*"`
}

// Software is a program as a product (section 6.14).
type Software struct {
	ObservableCommon
	Name      string   `stix:"name,required"`
	CPE       string   `stix:"cpe"` // of CPE 2.3
	SWID      string   `stix:"swid"`
	Languages []string `stix:"languages"`
	Vendor    string   `stix:"vendor"`
	Version   string   `stix:"version"`
}

// UserAccount is an account on a system or at a service (section 6.16).
type UserAccount struct {
	ObservableCommon
	UserID                string          `stix:"user_id"`
	Credential            string          `stix:"credential"`
	AccountLogin          string          `stix:"account_login"`
	AccountType           string          `stix:"account_type"` // "unix", "windows-local", …
	DisplayName           string          `stix:"display_name"`
	IsServiceAccount      *bool           `stix:"is_service_account"`
	IsPrivileged          *bool           `stix:"is_privileged"`
	CanEscalatePrivs      *bool           `stix:"can_escalate_privs"`
	IsDisabled            *bool           `stix:"is_disabled"`
	AccountCreated        Timestamp       `stix:"account_created"`
	AccountExpires        Timestamp       `stix:"account_expires"`
	CredentialLastChanged Timestamp       `stix:"credential_last_changed"`
	AccountFirstLogin     Timestamp       `stix:"account_first_login"`
	AccountLastLogin      Timestamp       `stix:"account_last_login"`
	UnixAccount           *UnixAccountExt `ext:"unix-account-ext"`
}

// UnixAccountExt holds what Unix knows of an account (section 6.16.2).
type UnixAccountExt struct {
	GID     *int           `stix:"gid"`
	Groups  []string       `stix:"groups"`
	HomeDir string         `stix:"home_dir"`
	Shell   string         `stix:"shell"`
	Custom  map[string]any `stix:"*"`
}

// WindowsRegistryKey is a key of the registry of Windows (section 6.17).
type WindowsRegistryKey struct {
	ObservableCommon
	Key             string          `stix:"key"` // with the long name of its root: HKEY_LOCAL_MACHINE\…
	Values          []RegistryValue `stix:"values"`
	ModifiedTime    Timestamp       `stix:"modified_time"`
	CreatorUserRef  string          `stix:"creator_user_ref" ref:"user-account"`
	NumberOfSubkeys *int            `stix:"number_of_subkeys"`
}

// RegistryValue is a value of a key. A Name that is "" in the registry, that of the
// default value, cannot be distinguished from none here.
type RegistryValue struct {
	Name     string         `stix:"name"`
	Data     string         `stix:"data"`
	DataType string         `stix:"data_type" enum:"REG_NONE REG_SZ REG_EXPAND_SZ REG_BINARY REG_DWORD REG_DWORD_BIG_ENDIAN REG_DWORD_LITTLE_ENDIAN REG_LINK REG_MULTI_SZ REG_RESOURCE_LIST REG_FULL_RESOURCE_DESCRIPTION REG_RESOURCE_REQUIREMENTS_LIST REG_QWORD REG_INVALID_TYPE"`
	Custom   map[string]any `stix:"*"`
}
