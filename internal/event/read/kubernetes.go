package read

import "strings"

// kubernetesShape recognises an event of a Kubernetes API server's audit log
// (audit.k8s.io, kind Event).
func kubernetesShape(m map[string]any) (record, bool) {
	if !strings.HasPrefix(str(m, "apiVersion"), "audit.k8s.io/") || str(m, "kind") != "Event" || m["verb"] == nil &&
		m["requestURI"] == nil {
		return record{}, false
	}
	r := record{product: "kubernetes", service: "audit", categories: []string{"application"}}
	r.time = firstTime(m, "requestReceivedTimestamp", "stageTimestamp")
	r.user = textAt(m, "user.username")
	put(m, "apiGroup", reach(m, "objectRef.apiGroup"))
	for _, spec := range []string{"requestObject.spec.", "requestObject.spec.template.spec.",
		"requestObject.spec.jobTemplate.spec.template.spec."} {
		put(m, "hostPath", reach(m, spec+"volumes.hostPath.path"))
		put(m, "capabilities", reach(m, spec+"containers.securityContext.capabilities.add"))
	}
	return r, true
}
