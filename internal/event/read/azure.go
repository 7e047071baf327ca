package read

import (
	"maps"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// azureTables are the tables of Log Analytics and the categories of the diagnostic
// settings of Entra ID that have a Sigma service.
var azureTables = map[string]string{
	"azureactivity": "activitylogs",
	"auditlogs":     "auditlogs",
	"signinlogs":    "signinlogs", "adfssigninlogs": "signinlogs",
	"noninteractiveusersigninlogs": "signinlogs", "aadnoninteractiveusersigninlogs": "signinlogs",
	"serviceprincipalsigninlogs": "signinlogs", "aadserviceprincipalsigninlogs": "signinlogs",
	"managedidentitysigninlogs": "signinlogs", "aadmanagedidentitysigninlogs": "signinlogs",
	"userriskevents": "riskdetection", "aaduserriskevents": "riskdetection", "riskyusers": "riskdetection",
	"serviceprincipalriskevents": "riskdetection", "aadserviceprincipalriskevents": "riskdetection",
}

// azureActivities are the categories of the activity log ("Azure Monitor activity
// log event schema"); the last three are those of its older export.
var azureActivities = map[string]bool{
	"administrative": true, "security": true, "servicehealth": true, "alert": true, "recommendation": true,
	"policy": true, "autoscale": true, "resourcehealth": true, "write": true, "delete": true, "action": true,
}

// azureKind returns which log of Azure or Entra ID a record is of: as diagnostic
// settings export it, as Log Analytics keeps it, or as Microsoft Graph and Azure's
// own interface have it.
func azureKind(m map[string]any) string {
	switch {
	case m["time"] != nil && str(m, "operationName") != "" && str(m, "category") != "":
		category := strings.ToLower(str(m, "category"))
		if s := azureTables[category]; s != "" && (sub(m, "properties") != nil || m["callerIpAddress"] != nil) {
			return s
		}
		// Many a log has such a category; Azure's operations are paths.
		if azureActivities[category] && strings.ContainsRune(str(m, "operationName"), '/') &&
			(m["callerIpAddress"] != nil || hasPrefixFold(str(m, "resourceId"), "/subscriptions/")) {
			return "activitylogs"
		}
	case m["eventDataId"] != nil && m["resourceId"] != nil && str(sub(m, "operationName"), "value") != "":
		return "activitylogs"
	case m["TimeGenerated"] != nil:
		if s := azureTables[strings.ToLower(str(m, "Type"))]; s != "" {
			return s
		}
		switch {
		case m["OperationNameValue"] != nil && m["CategoryValue"] != nil &&
			(m["ResourceProviderValue"] != nil || m["SubscriptionId"] != nil):
			return "activitylogs"
		case m["ResultType"] != nil && m["AppDisplayName"] != nil && m["ConditionalAccessStatus"] != nil:
			return "signinlogs"
		case m["LoggedByService"] != nil && m["ActivityDisplayName"] != nil && m["TargetResources"] != nil:
			return "auditlogs"
		}
	case m["createdDateTime"] != nil && sub(m, "status")["errorCode"] != nil &&
		(str(m, "userPrincipalName") != "" || m["servicePrincipalId"] != nil) &&
		(m["appDisplayName"] != nil || m["ipAddress"] != nil):
		return "signinlogs"
	case m["activityDisplayName"] != nil && m["activityDateTime"] != nil && m["initiatedBy"] != nil:
		return "auditlogs"
	case pimAlert(str(m, "riskEventType")) || strings.HasPrefix(str(m, "@odata.type"), "#microsoft.graph.") &&
		pimAlert(str(m, "@odata.type")):
		return "pim"
	case m["riskEventType"] != nil && (m["riskState"] != nil || m["riskLevel"] != nil) &&
		(m["detectedDateTime"] != nil || m["activityDateTime"] != nil):
		return "riskdetection"
	}
	return ""
}

// pimAlert lists the types of the alerts of Privileged Identity Management
// (Graph: unifiedRoleManagementAlertIncident and …Configuration).
func pimAlert(kind string) bool {
	return strings.HasSuffix(kind, "AlertIncident") || strings.HasSuffix(kind, "AlertConfiguration")
}

func azureShape(m map[string]any) (record, bool) {
	service := azureKind(m)
	if service == "" {
		return record{}, false
	}
	r := record{product: "azure", service: service}
	azureNames(m)
	switch service {
	case "activitylogs":
		azureActivity(m)
		r.user = firstText(m, "caller", "Caller")
		if r.user == "" {
			r.user = firstText(sub(sub(m, "identity"), "claims"),
				"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
				"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "name")
		}
	case "auditlogs":
		azureAudit(m)
		r.user = textAt(m, "initiatedBy.user.userPrincipalName", "initiatedBy.app.displayName")
	case "signinlogs":
		azureSignIn(m)
		r.user = textAt(m, "userPrincipalName", "servicePrincipalName")
	case "riskdetection":
		r.user = textAt(m, "userPrincipalName")
	case "pim":
		put(m, "riskEventType", strings.TrimPrefix(str(m, "@odata.type"), "#microsoft.graph."))
		r.user = textAt(m, "assigneeUserPrincipalName")
	}
	r.time = firstTime(m, "time", "eventTimestamp", "createdDateTime", "activityDateTime", "detectedDateTime",
		"TimeGenerated", "lastModifiedDateTime")
	return r, true
}

// azureNames brings the three ways of writing a record together: what is under
// properties is beside it too, and names of Log Analytics as Graph writes them.
func azureNames(m map[string]any) {
	inner := sub(m, "properties")
	for k, v := range inner {
		if k == "category" && v != nil && m["category"] != nil {
			m[k] = []any{m[k], v} // the export's category, and the record's own
			continue
		}
		put(m, k, v)
	}
	if m["TimeGenerated"] != nil {
		for _, k := range sortedKeys(m) {
			to := lowerFirst(k)
			switch k {
			case "IPAddress":
				to = "ipAddress"
			case "LocationDetails":
				if place, ok := unpacked(m[k]).(map[string]any); ok {
					for _, p := range []string{"geoCoordinates.latitude", "geoCoordinates.longitude", "countryOrRegion",
						"city", "state"} {
						put(m, "location."+p, reach(place, p))
					}
				}
			case "Status", "DeviceDetail", "TargetResources", "InitiatedBy", "AdditionalDetails",
				"NetworkLocationDetails":
				put(m, to, unpacked(m[k]))
				continue
			}
			put(m, to, m[k])
		}
	}
	for _, k := range []string{"status", "deviceDetail", "location", "targetResources", "initiatedBy",
		"additionalDetails"} {
		if s, ok := m[k].(string); ok && len(s) > 1 {
			m[k] = unpacked(s)
		}
	}
}

func azureActivity(m map[string]any) {
	for _, k := range []string{"operationName", "category", "resourceProviderName", "status", "subStatus", "eventName",
		"resourceType"} {
		if o := sub(m, k); str(o, "value") != "" {
			put(m, k+".localizedValue", o["localizedValue"])
			m[k] = o["value"]
		}
	}
	put(m, "operationName", m["OperationNameValue"])
	put(m, "OperationNameValue", m["operationName"])
	put(m, "category", m["CategoryValue"])
	put(m, "CategoryValue", m["category"])
	put(m, "ResourceProviderValue", m["resourceProviderName"])
	resource := firstText(m, "resourceId", "ResourceId")
	if _, rest, ok := strings.Cut(strings.ToLower(resource), "/providers/"); ok && resource != "" {
		at := len(resource) - len(rest)
		name, _, _ := strings.Cut(resource[min(at, len(resource)):], "/")
		put(m, "ResourceProviderValue", name)
	}
	if reach(m, "properties.message") == nil {
		put(m, "properties.message", m["operationName"])
	}
}

func azureAudit(m map[string]any) {
	put(m, "operationName", m["activityDisplayName"])
	put(m, "activityDisplayName", m["operationName"])
	put(m, "activityType", m["activityDisplayName"])
	put(m, "Status", m["result"])
	inner := sub(m, "properties")
	if reach(m, "properties.message") == nil {
		put(m, "properties.message", m["activityDisplayName"])
	}
	if targets, ok := m["targetResources"].([]any); ok {
		for i, t := range targets {
			o, ok := t.(map[string]any)
			if !ok || i >= maxAdded {
				continue
			}
			changes, _ := o["modifiedProperties"].([]any)
			for i, c := range changes {
				// ConsentContext.IsAdminConsent, say: new values are JSON texts in quotes.
				if c, ok := c.(map[string]any); ok && i < maxAdded && strings.ContainsRune(str(c, "displayName"), '.') {
					put(m, str(c, "displayName"), strings.Trim(str(c, "newValue"), `"`))
				}
			}
			legible(o, "modifiedProperties")
		}
		legible(m, "targetResources")
		if inner != nil && inner["targetResources"] != nil {
			inner["targetResources"] = m["targetResources"]
		}
	}
	named(m, "additionalDetails.", m["additionalDetails"], "key", "value")
	flatten(m, "targetResources.type", "targetResources.displayName", "targetResources.id",
		"targetResources.userPrincipalName",
		"targetResources.modifiedProperties", "targetResources.modifiedProperties.displayName",
		"targetResources.modifiedProperties.newValue", "targetResources.modifiedProperties.oldValue")
	if inner == nil {
		put(m, "properties.result", m["result"])
		put(m, "properties.targetResources", m["targetResources"])
	}
}

func azureSignIn(m map[string]any) {
	status := sub(m, "status")
	put(m, "resultType", status["errorCode"])
	put(m, "resultDescription", status["failureReason"])
	if code, ok := event.WholeOf(m["resultType"]); ok {
		outcome := []any{"Failure"}
		if code == 0 {
			outcome[0] = "Success"
		}
		for _, k := range []string{"failureReason", "additionalDetails"} {
			if s := str(status, k); s != "" {
				outcome = append(outcome, s)
			}
		}
		m["Status"] = outcome // what people call the status; the object stays in status
		put(m, "status.errorCode", code)
	}
	put(m, "ClientApp", m["clientAppUsed"])
	if reach(m, "properties.message") == nil {
		put(m, "properties.message", m["authenticationProtocol"])
	}
	if l, ok := m["networkLocationDetails"].([]any); ok && len(l) == 0 {
		m["NetworkLocationDetails"] = "[]" // as Log Analytics has it
	}
	flatten(m, "deviceDetail.deviceId", "deviceDetail.trustType", "deviceDetail.isCompliant", "deviceDetail.isManaged")
	if sub(m, "properties") == nil {
		for _, k := range []string{"appId", "authenticationRequirement", "deviceDetail.deviceId"} {
			put(m, "properties."+k, reach(m, k))
		}
	}
}
