package read_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// family is a record of a cloud, identity or application log: written for this test
// after the vendor's documentation of the format.
type family struct {
	raw       string
	source    string // product/service/categories
	user      string
	own       string   // "field: value" of a rule of our own
	published []string // files of SigmaHQ's that must match
	observe   []event.Observable
}

func ip(s string) event.Observable   { return event.Observable{Type: event.IPv4, Value: s} }
func mail(s string) event.Observable { return event.Observable{Type: event.Email, Value: s} }

var families = map[string]family{
	"azure activity, exported": {
		`{"time":"2026-11-29T10:00:00Z","resourceId":"/SUBSCRIPTIONS/1/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V","operationName":"MICROSOFT.KEYVAULT/VAULTS/DELETE","category":"Administrative","resultType":"Success","correlationId":"c","callerIpAddress":"203.0.113.5","identity":{"claims":{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"sato@example.jp"}},"properties":{"statusCode":"OK"}}`,
		"azure/activitylogs/", "sato@example.jp", "ResourceProviderValue: MICROSOFT.KEYVAULT",
		[]string{"azure_keyvault_modified_or_deleted.yml"}, []event.Observable{ip("203.0.113.5")}},
	"azure activity, Log Analytics": {
		`{"TimeGenerated":"2026-11-29T10:00:00Z","Type":"AzureActivity","OperationNameValue":"Microsoft.ADHybridHealthService/services/delete","CategoryValue":"Administrative","ResourceProviderValue":"Microsoft.ADHybridHealthService","ResourceId":"/x/AdFederationService_adfs.example.jp","Caller":"sato@example.jp","CallerIpAddress":"203.0.113.5","SubscriptionId":"1"}`,
		"azure/activitylogs/", "sato@example.jp", "operationName|endswith: /services/delete",
		[]string{"azure_aadhybridhealth_adfs_service_delete.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"azure activity, REST": {
		`{"eventDataId":"e","eventTimestamp":"2026-11-29T10:00:00Z","caller":"sato@example.jp","category":{"value":"Administrative","localizedValue":"管理"},"operationName":{"value":"Microsoft.Portal/consoles/write","localizedValue":"Create console"},"resourceProviderName":{"value":"Microsoft.Portal"},"resourceId":"/subscriptions/1/providers/Microsoft.Portal/consoles/default"}`,
		"azure/activitylogs/", "sato@example.jp", "operationName.localizedValue: Create console",
		[]string{"azure_new_cloudshell_created.yml"}, []event.Observable{mail("sato@example.jp")}},
	"entra audit, exported": {
		`{"time":"2026-11-29T10:00:00Z","resourceId":"/tenants/t/providers/Microsoft.aadiam","operationName":"Add member to role","category":"AuditLogs","callerIpAddress":"203.0.113.5","properties":{"category":"RoleManagement","result":"success","activityDisplayName":"Add member to role","activityDateTime":"2026-11-29T10:00:00Z","loggedByService":"Core Directory","initiatedBy":{"user":{"userPrincipalName":"sato@example.jp"}},"targetResources":[{"id":"1","type":"Service Principal","userPrincipalName":"abe@example.jp","modifiedProperties":[{"displayName":"Role.DisplayName","oldValue":null,"newValue":"\"Global Administrator\""}]},{"type":"Role","id":"62e90394-69f5-4237-9190-012177145e10"}]}}`,
		"azure/auditlogs/", "sato@example.jp", "targetResources.modifiedProperties.newValue|contains: Administrator",
		[]string{"azure_ad_user_added_to_admin_role.yml", "azure_ad_users_added_to_device_admin_roles.yml",
			"azure_app_role_added.yml"}, []event.Observable{mail("abe@example.jp"), ip("203.0.113.5")}},
	"entra audit, Graph": {
		`{"id":"Directory_1","category":"UserManagement","result":"success","activityDisplayName":"Update user","activityDateTime":"2026-11-29T10:00:00Z","loggedByService":"Core Directory","initiatedBy":{"app":null,"user":{"userPrincipalName":"sato@example.jp","ipAddress":"203.0.113.5"}},"targetResources":[{"type":"User","modifiedProperties":[{"displayName":"StrongAuthenticationRequirement","oldValue":"[]","newValue":"[{\"RelyingParty\":\"*\",\"State\":0}]"}]}],"additionalDetails":[{"key":"UserType","value":"Member"}]}`,
		"azure/auditlogs/", "sato@example.jp", "additionalDetails.userType: Member",
		[]string{"azure_user_account_mfa_disable.yml"}, []event.Observable{ip("203.0.113.5")}},
	"entra audit, Log Analytics": {
		`{"TimeGenerated":"2026-11-29T10:00:00Z","Type":"AuditLogs","OperationName":"Consent to application","Category":"ApplicationManagement","Result":"success","ActivityDisplayName":"Consent to application","LoggedByService":"Core Directory","InitiatedBy":"{\"user\":{\"userPrincipalName\":\"sato@example.jp\"}}","TargetResources":"[{\"type\":\"ServicePrincipal\",\"modifiedProperties\":[{\"displayName\":\"ConsentContext.IsAdminConsent\",\"newValue\":\"\\\"False\\\"\"}]}]"}`,
		"azure/auditlogs/", "sato@example.jp", "targetResources.type: ServicePrincipal",
		[]string{"azure_app_end_user_consent.yml"}, nil},
	"entra sign-in, exported": {
		`{"time":"2026-11-29T10:00:00Z","resourceId":"/tenants/t/providers/Microsoft.aadiam","operationName":"Sign-in activity","category":"SignInLogs","resultType":"0","callerIpAddress":"203.0.113.5","location":"JP","properties":{"userPrincipalName":"sato@example.jp","userId":"u1","ipAddress":"203.0.113.5","userAgent":"BAV2ROPC","appDisplayName":"Office","authenticationRequirement":"singleFactorAuthentication","conditionalAccessStatus":"success","resourceDisplayName":"Device Registration Service","riskState":"atRisk","status":{"errorCode":0},"deviceDetail":{"deviceId":"","trustType":""},"networkLocationDetails":[]}}`,
		"azure/signinlogs/", "sato@example.jp", "properties.appDisplayName: Office",
		[]string{"azure_ad_suspicious_signin_bypassing_mfa.yml", "azure_ad_device_registration_or_join_without_mfa.yml",
			"azure_ad_risky_sign_ins_with_singlefactorauth_from_unknown_devices.yml",
			"azure_ad_sign_ins_from_unknown_devices.yml", "azure_ad_only_single_factor_auth_required.yml"},
		[]event.Observable{mail("sato@example.jp"), ip("203.0.113.5")}},
	"entra sign-in, Graph": {
		`{"id":"1","createdDateTime":"2026-11-29T10:00:00Z","userPrincipalName":"sato@example.jp","userId":"u1","appDisplayName":"Office","ipAddress":"203.0.113.5","conditionalAccessStatus":"failure","authenticationRequirement":"multiFactorAuthentication","status":{"errorCode":500121,"failureReason":"Authentication failed during strong authentication request.","additionalDetails":"MFA denied; user declined the authentication"},"deviceDetail":{"isCompliant":false}}`,
		"azure/signinlogs/", "sato@example.jp", "resultType: 500121",
		[]string{"azure_mfa_denies.yml", "azure_mfa_interrupted.yml",
			"azure_ad_sign_ins_from_noncompliant_devices.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"entra sign-in, Log Analytics": {
		`{"TimeGenerated":"2026-11-29T10:00:00Z","Type":"SigninLogs","ResultType":"50053","ResultDescription":"locked","UserPrincipalName":"sato@example.jp","UserId":"u1","IPAddress":"203.0.113.5","AppDisplayName":"Office","ConditionalAccessStatus":"notApplied","Status":"{\"errorCode\":50053}","DeviceDetail":"{\"isCompliant\":false}"}`,
		"azure/signinlogs/", "sato@example.jp", "ipAddress: 203.0.113.5", []string{"azure_account_lockout.yml",
			"azure_ad_sign_ins_from_noncompliant_devices.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"entra risk": {
		`{"id":"1","riskEventType":"unlikelyTravel","riskState":"atRisk","riskLevel":"medium","activityDateTime":"2026-11-29T10:00:00Z","detectedDateTime":"2026-11-29T10:05:00Z","ipAddress":"203.0.113.5","userPrincipalName":"sato@example.jp"}`,
		"azure/riskdetection/", "sato@example.jp", "riskLevel: medium",
		[]string{"azure_identity_protection_atypical_travel.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"entra risk, exported": {
		`{"time":"2026-11-29T10:00:00Z","resourceId":"/tenants/t/providers/microsoft.aadiam","operationName":"User Risk Detection","category":"UserRiskEvents","properties":{"riskEventType":"passwordSpray","riskLevel":"high","ipAddress":"203.0.113.5","userPrincipalName":"sato@example.jp"}}`,
		"azure/riskdetection/", "sato@example.jp", "riskLevel: high",
		[]string{"azure_identity_protection_password_spray.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"entra PIM": {
		`{"@odata.type":"#microsoft.graph.tooManyGlobalAdminsAssignedToTenantAlertIncident","id":"1","assigneeUserPrincipalName":"sato@example.jp","createdDateTime":"2026-11-29T10:00:00Z"}`,
		"azure/pim/", "sato@example.jp", "riskEventType|startswith: tooMany",
		[]string{"azure_pim_too_many_global_admins.yml"}, nil},
	"entra PIM, by risk": {
		`{"riskEventType":"staleSignInAlertIncident","createdDateTime":"2026-11-29T10:00:00Z","assigneeUserPrincipalName":"sato@example.jp"}`,
		"azure/pim/", "sato@example.jp", "riskEventType|startswith: stale", []string{"azure_pim_account_stale.yml"},
		nil},
	"m365 sign-in": {
		`{"CreationTime":"2026-11-29T10:00:00","Id":"1","Operation":"UserLoggedIn","OrganizationId":"o","RecordType":15,"ResultStatus":"Success","UserKey":"k","UserType":0,"Workload":"AzureActiveDirectory","ClientIP":"203.0.113.5","UserId":"sato@example.jp","ApplicationId":"9ba1a5c7-f17a-4de9-a1f1-6178c8d51223","ObjectId":"o1","ExtendedProperties":[{"Name":"RequestType","Value":"Cmsi:Cmsi"}]}`,
		"m365/audit/", "sato@example.jp", "RequestType: Cmsi:Cmsi",
		[]string{"microsoft365_bypass_conditional_access.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"m365 mail": {
		`{"CreationTime":"2026-11-29T10:00:00","Operation":"TIMailData","OrganizationId":"o","RecordType":28,"Workload":"ThreatIntelligence","UserId":"ThreatIntel","Directionality":"Inbound","DeliveryAction":"Delivered","SenderIp":"203.0.113.5","P2Sender":"thief@evil.example.com","Recipients":["sato@example.jp"]}`,
		"m365/audit/", "ThreatIntel", "DeliveryAction: Delivered",
		[]string{"microsoft365_suspicious_email_delivered.yml"}, []event.Observable{mail("sato@example.jp"),
			mail("thief@evil.example.com"), ip("203.0.113.5")}},
	"m365 exchange": {
		`{"CreationTime":"2026-11-29T10:00:00","Id":"1","Operation":"New-InboxRule","OrganizationId":"o","RecordType":1,"ResultStatus":"True","Workload":"Exchange","ClientIP":"203.0.113.5:49152","UserId":"sato@example.jp","Parameters":[{"Name":"ForwardTo","Value":"thief@evil.example.com"},{"Name":"DeleteMessage","Value":"True"}]}`,
		"m365/exchange/", "sato@example.jp", "Parameters.Name: ForwardTo",
		[]string{"microsoft365_susp_email_forwarding_activity.yml",
			"microsoft365_susp_inbox_rule_creation_or_update_activity.yml"},
		[]event.Observable{mail("sato@example.jp"), mail("thief@evil.example.com"), ip("203.0.113.5")}},
	"m365 exchange, federation": {
		`{"RecordType":"ExchangeAdmin","CreationDate":"x","Operations":"Add-FederatedDomain","AuditData":"{\"CreationTime\":\"2026-11-29T10:00:00\",\"Operation\":\"Add-FederatedDomain\",\"OrganizationId\":\"o\",\"RecordType\":1,\"ResultStatus\":\"True\",\"Workload\":\"Exchange\",\"UserId\":\"sato@example.jp\"}"}`,
		"m365/exchange/", "sato@example.jp", "Operation: Add-FederatedDomain",
		[]string{"microsoft365_new_federated_domain_added_exchange.yml",
			"microsoft365_new_federated_domain_added_audit.yml"}, []event.Observable{mail("sato@example.jp")}},
	"m365 alert": {
		`{"CreationTime":"2026-11-29T10:00:00","Id":"1","Operation":"AlertTriggered","OrganizationId":"o","RecordType":40,"ResultStatus":"Succeeded","Workload":"SecurityComplianceCenter","UserId":"SecurityComplianceAlerts","Name":"Unusual volume of file deletion","Severity":"High","Status":"Active"}`,
		"m365/threat_management/", "SecurityComplianceAlerts", "Severity: High",
		[]string{"microsoft365_unusual_volume_of_file_deletion.yml"}, nil},
	"m365 alert, travel": {
		`{"CreationTime":"2026-11-29T10:00:00","Operation":"AlertTriggered","OrganizationId":"o","RecordType":40,"Workload":"SecurityComplianceCenter","UserId":"x","Name":"Impossible travel activity"}`,
		"m365/threat_management/", "x", "eventName|startswith: Impossible",
		[]string{"microsoft365_impossible_travel_activity.yml"}, nil},
	"m365 alert, addresses": {
		`{"CreationTime":"2026-11-29T10:00:00","Operation":"AlertTriggered","OrganizationId":"o","RecordType":40,"Workload":"SecurityComplianceCenter","UserId":"x","Name":"Activity from suspicious IP addresses"}`,
		"m365/threat_detection/", "x", "eventSource: SecurityComplianceCenter",
		[]string{"microsoft365_from_susp_ip_addresses.yml"}, nil},
	"okta": {
		`{"uuid":"1","published":"2026-11-29T10:00:00.000Z","eventType":"user.session.start","displayMessage":"Max sign in attempts exceeded","actor":{"id":"a","alternateId":"sato@example.jp"},"client":{"ipAddress":"203.0.113.5"},"outcome":{"result":"FAILURE"},"securityContext":{"isProxy":true},"debugContext":{"debugData":{"requestUri":"/admin/x"}},"target":[{"displayName":"App"}]}`,
		"okta/okta/", "sato@example.jp", "actor.alternateId|endswith: '@example.jp'",
		[]string{"okta_user_account_locked_out.yml", "okta_user_session_start_via_anonymised_proxy.yml",
			"okta_admin_activity_from_proxy_query.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"gcp": {
		`{"insertId":"i","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-29T10:00:00Z","resource":{"type":"k8s_cluster"},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"k8s.io","methodName":"io.k8s.core.v1.pods.create","authenticationInfo":{"principalEmail":"sato@example.jp"},"requestMetadata":{"callerIp":"203.0.113.5"},"request":{"metadata":{"labels":{"x":"image-policy.k8s.io/break-glass"}}}}}`,
		"gcp/gcp.audit/", "sato@example.jp", "protoPayload.methodName|endswith: pods.create",
		[]string{"gcp_breakglass_container_workload_deployed.yml"}, []event.Observable{mail("sato@example.jp"),
			ip("203.0.113.5")}},
	"gcp, wrapped": {
		`{"insertId":"i","data":{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-29T10:00:00Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"accesscontextmanager.googleapis.com","methodName":"google.identity.v1.DeleteAccessPolicy","authorizationInfo":[{"permission":"accesscontextmanager.accessPolicies.delete","granted":true}],"authenticationInfo":{"principalEmail":"sato@example.jp"}}}}`,
		"gcp/gcp.audit/", "sato@example.jp", "gcp.audit.service_name|startswith: accesscontext",
		[]string{"gcp_access_policy_deleted.yml"}, []event.Observable{mail("sato@example.jp")}},
	"gcp, ECS": {
		`{"@timestamp":"2026-11-29T10:00:00Z","ecs":{"version":"8.11"},"event":{"dataset":"gcp.audit"},"gcp":{"audit":{"method_name":"storage.buckets.delete"}},"user":{"name":"sato"}}`,
		"gcp/gcp.audit/", "sato", "gcp.audit.method_name|startswith: storage",
		[]string{"gcp_bucket_modified_or_deleted.yml"}, nil},
	"workspace admin, entry": {
		`{"logName":"organizations/1/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-29T10:00:00Z","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"admin.googleapis.com","methodName":"google.admin.AdminService.changeApplicationSetting","authenticationInfo":{"principalEmail":"sato@example.jp"},"metadata":{"event":[{"eventName":"CHANGE_APPLICATION_SETTING","parameter":[{"name":"SETTING_NAME","value":"ContextAwareAccessLevel"}]}]}}}`,
		"gcp/google_workspace.admin/", "sato@example.jp", "setting_name|contains: Aware",
		[]string{"gcp_gworkspace_application_access_levels_modified.yml"}, []event.Observable{mail("sato@example.jp")}},
	"workspace admin, reports": {
		`{"kind":"admin#reports#activity","id":{"time":"2026-11-29T10:00:00.000Z","applicationName":"admin"},"actor":{"email":"sato@example.jp"},"ipAddress":"203.0.113.5","events":[{"type":"USER_SETTINGS","name":"ENFORCE_STRONG_AUTHENTICATION","parameters":[{"name":"NEW_VALUE","value":"false"}]},{"name":"DELETE_ROLE"}]}`,
		"gcp/google_workspace.admin/", "sato@example.jp", "events.type: USER_SETTINGS",
		[]string{"gcp_gworkspace_mfa_disabled.yml", "gcp_gworkspace_role_modified_or_deleted.yml"},
		[]event.Observable{mail("sato@example.jp"), ip("203.0.113.5")}},
	"workspace login": {
		`{"kind":"admin#reports#activity","id":{"time":"2026-11-29T10:00:00.000Z","applicationName":"login"},"actor":{"email":"sato@example.jp"},"events":[{"name":"gov_attack_warning"},{"name":"suspicious_login"}]}`,
		"gcp/google_workspace.login/", "sato@example.jp", "eventName: gov_attack_warning",
		[]string{"gcp_gworkspace_govattack.yml", "gcp_gworkspace_suspicious_login.yml"},
		[]event.Observable{mail("sato@example.jp")}},
	"github": {
		`{"@timestamp":1795946400000,"_document_id":"d","action":"repo.destroy","actor":"sato","actor_ip":"203.0.113.5","created_at":1795946400000,"org":"example","repo":"example/x"}`,
		"github/audit/", "sato", "repo|startswith: example/", []string{"github_delete_action_invoked.yml"},
		[]event.Observable{ip("203.0.113.5")}},
	"github, alerts off": {
		`{"@timestamp":1795946400000,"action":"dependabot_alerts.disable","actor":"sato","created_at":1795946400000,"org":"example"}`,
		"github/audit/", "sato", "org: example", []string{"github_disabled_outdated_dependency_or_vulnerability.yml"},
		nil},
	"kubernetes": {
		`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/kube-system/pods","verb":"create","user":{"username":"sato"},"sourceIPs":["203.0.113.5"],"objectRef":{"resource":"pods","namespace":"kube-system","apiVersion":"v1"},"responseStatus":{"code":403},"requestObject":{"spec":{"volumes":[{"name":"a"},{"name":"h","hostPath":{"path":"/"}}],"containers":[{"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}}]}},"requestReceivedTimestamp":"2026-11-29T10:00:00.000000Z"}`,
		"kubernetes/audit/application", "sato", "capabilities: SYS_ADMIN",
		[]string{"kubernetes_audit_hostpath_mount.yml", "kubernetes_audit_privileged_pod_creation.yml",
			"kubernetes_audit_pod_in_system_namespace.yml",
			"kubernetes_audit_unauthorized_unauthenticated_actions.yml"}, []event.Observable{ip("203.0.113.5")}},
	"onelogin": {
		`{"id":1,"created_at":"2026-11-29T10:00:00.000Z","account_id":2,"user_id":3,"event_type_id":3,"actor_user_id":4,"actor_user_name":"Sato","user_name":"Abe","ipaddr":"203.0.113.5"}`,
		"onelogin/onelogin.events/", "Abe", "user_id: 3", []string{"onelogin_assumed_another_user.yml"},
		[]event.Observable{ip("203.0.113.5")}},
	"onelogin, webhook": {
		`{"uuid":"u","event_timestamp":"2026-11-29 10:00:00 UTC","account_id":2,"event_type_id":532,"actor_system":"","actor_user_id":4,"user_name":"Abe","ipaddr":"203.0.113.5"}`,
		"onelogin/onelogin.events/", "Abe", "uuid: u", []string{"onelogin_user_account_locked.yml"},
		[]event.Observable{ip("203.0.113.5")}},
	"bitbucket": {
		`{"affectedObjects":[],"auditType":{"action":"User login failed","actionI18nKey":"bitbucket.service.audit.action.user.login.failed","category":"Authentication","area":"USER_MANAGEMENT","level":"ADVANCED"},"author":{"id":"1","name":"sato","type":"NORMAL"},"changedValues":[],"extraAttributes":[],"method":"Browser","node":"n","source":"203.0.113.5","system":"https://code.example.jp","timestamp":{"epochSecond":1795946400,"nano":0},"version":"1.0"}`,
		"bitbucket/audit/", "sato", "method: Browser", []string{"bitbucket_audit_user_login_failure_detected.yml"},
		[]event.Observable{ip("203.0.113.5")}},
	"bitbucket, by address": {
		`{"auditType":{"action":"User login failed(SSH)","category":"Authentication"},"author":{"name":"sato"},"source":"203.0.113.5","system":"https://bitbucket.example.jp:7990","timestamp":"2026-11-29T10:00:00Z"}`,
		"bitbucket/audit/", "sato", "auditType.category: Authentication",
		[]string{"bitbucket_audit_user_login_failure_via_ssh_detected.yml"}, []event.Observable{ip("203.0.113.5")}},
	"duo": {
		`{"access_device":{"ip":"203.0.113.5"},"alias":"","application":{"name":"VPN"},"auth_device":{"ip":null},"email":"sato@example.jp","event_type":"authentication","factor":"not_available","isotimestamp":"2026-11-29T10:00:00.000000+00:00","reason":"bypass_user","result":"success","timestamp":1795946400,"txid":"t","user":{"key":"k","name":"sato"}}`,
		"cisco/duo/", "sato", "application.name: VPN", []string{"cisco_duo_mfa_bypass_via_bypass_code.yml"},
		[]event.Observable{mail("sato@example.jp"), ip("203.0.113.5")}},
	"opencanary": {
		`{"dst_host":"192.0.2.7","dst_port":22,"local_time":"2026-11-29 19:00:00.000000","utc_time":"2026-11-29 10:00:00.000000","logdata":{"USERNAME":"root","PASSWORD":"x"},"logtype":4002,"node_id":"canary1","src_host":"203.0.113.5","src_port":5}`,
		"opencanary//application", "root", "logdata.PASSWORD: x", []string{"opencanary_ssh_login_attempt.yml"},
		[]event.Observable{ip("203.0.113.5")}},
	"opencanary, http": {
		`{"dst_host":"192.0.2.7","dst_port":80,"local_time":"2026-11-29 10:00:00.000000","logdata":{"PATH":"/"},"logtype":3000,"node_id":"canary1","src_host":"203.0.113.5","src_port":5}`,
		"opencanary//application", "", "logdata.PATH: /", []string{"opencanary_http_get.yml"},
		[]event.Observable{ip("203.0.113.5")}},
}

// Records of each family have their log source, time, account and observables, and a
// rule of our own matches them by the names that SigmaHQ's rules use.
func TestFamilies(t *testing.T) {
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	for name, f := range families {
		t.Run(name, func(t *testing.T) {
			e := one(t, f.raw)
			if got := e.Product + "/" + e.Service + "/" + strings.Join(e.Categories, " "); got != f.source ||
				e.User != f.user || !e.Time.Equal(at) {
				t.Errorf("%s of %q at %s", got, e.User, e.Time)
			}
			if d := cmp.Diff(f.observe, event.Observables(e)); d != "" {
				t.Error(d)
			}
			rule := fmt.Sprintf("title: own\nlogsource:\n  product: %s\n  service: '%s'\n"+
				"detection:\n  sel:\n    %s\n  condition: sel\n", e.Product, e.Service, f.own)
			if e.Service == "" {
				rule = strings.Replace(rule, "service: ''", "category: application", 1)
			}
			set := sigma.ParseCollection("own.yml", []byte(rule)).Set()
			if len(set.Rules) != 1 {
				t.Fatal(set.Refused)
			}
			if len(matching(set, e)) != 1 {
				t.Errorf("%s does not match %v", f.own, e.Fields)
			}
		})
	}
}

// SigmaHQ's own rules match them.
func TestFamiliesPublished(t *testing.T) {
	dir := dataDir(t)
	var set *sigma.Set
	all := &sigma.Collection{}
	for _, d := range []string{"rules/cloud", "rules/identity", "rules/application", "rules-threat-hunting/cloud"} {
		c, err := sigma.LoadCollection(os.DirFS(filepath.Join(dir, "sigma")), d)
		if err != nil {
			t.Fatal(err)
		}
		all.Add(c)
	}
	set = all.Set()
	found := map[string]map[string]bool{}
	for name, f := range families {
		e := one(t, f.raw)
		got := matching(set, e)
		for _, want := range f.published {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s does not match; %v do", name, want, got)
			}
		}
		for _, file := range got {
			if found[e.Product+"/"+e.Service] == nil {
				found[e.Product+"/"+e.Service] = map[string]bool{}
			}
			found[e.Product+"/"+e.Service][file] = true
		}
	}
	for source, files := range found {
		least := 2
		switch source {
		case "cisco/duo", "m365/threat_detection":
			least = 1 // there is only one
		}
		if len(files) < least {
			t.Errorf("%s: only %v match", source, files)
		}
	}
}

func matching(set *sigma.Set, e *event.Event) (files []string) {
	for m := range set.Match(e) {
		files = append(files, filepath.Base(m.Rule.Path))
	}
	return files
}

// What only looks like such a record stays of unknown source.
func TestFamiliesNotGuessed(t *testing.T) {
	for _, raw := range []string{
		`{"time":"2026-11-29T10:00:00Z","category":"Administrative","operationName":"restart"}`,
		`{"time":"2026-11-29T10:00:00Z","category":"Alert","operationName":"a/b"}`,
		`{"action":"file.delete","actor":"sato","created_at":"2026-11-29T10:00:00Z"}`,
		`{"action":"delete","actor":"sato","@timestamp":1,"created_at":1}`,
		`{"verb":"create","objectRef":{"resource":"pods"},"apiVersion":"v1","kind":"Event"}`,
		`{"auditType":{"action":"User login failed","category":"Authentication","actionI18nKey":"jira.auditing.login"},"author":{"name":"x"},"system":"https://jira.example.jp"}`,
		`{"event_type":"authentication","reason":"bypass_user","user":"x"}`, `{"event_type_id":3,"account_id":1}`,
		`{"logtype":4002,"node_id":"x"}`, `{"Operation":"UserLoggedIn","UserId":"sato@example.jp"}`,
		`{"eventType":"user.session.start","published":"2026-11-29T10:00:00Z"}`,
		`{"riskEventType":"x"}`, `{"protoPayload":{"methodName":"x"}}`,
		`{"TimeGenerated":"2026-11-29T10:00:00Z","OperationName":"x","Category":"y"}`,
	} {
		if e := one(t, raw); e.Product != "" || e.Service != "" {
			t.Errorf("%s/%s %s", e.Product, e.Service, raw)
		}
	}
}
