package hub

import (
	"net/url"
)

// Events of MISP in the two worlds: one that A shares, and what only one world has.
const (
	mispShared     = "5a1d2c74-31a8-4c0e-9d0b-0d8e6a2f1c01"
	mispSharedPart = "5a1d2c74-31a8-4c0e-9d0b-0d8e6a2f1c02"
	mispSecret     = "5a1d2c74-31a8-4c0e-9d0b-0d8e6a2f1c03"
	mispSecretPart = "5a1d2c74-31a8-4c0e-9d0b-0d8e6a2f1c04"
)

// mispEvent is an event as a client of MISP sends it.
func mispEvent(uuid, info, tag, attribute string) string {
	tags := ""
	if tag != "" {
		tags = `,"Tag":[{"name":"` + tag + `"}]`
	}
	return `{"uuid":"` + uuid + `","info":"` + info + `"` + tags + `,"Attribute":[` + attribute + `]}`
}

// mispGuesses are calls of MISP's API: all lists, what is known and may be guessed by its
// uuid, the secret itself to search for, and changes of what C may not know.
func mispGuesses(ids, words []string) (out []guess) {
	get := func(path string) { out = append(out, guess{"GET /misp/" + path, ""}) }
	post := func(path, body string) { out = append(out, guess{"POST /misp/" + path, body}) }
	for _, p := range []string{"servers/getVersion", "users/view/me", "events/index", "events/index/minimal:1",
		"events/index/searchtag:tlp%3Agreen", "events/manifest", "events/hashes", "attributes/index", "tags/index",
		"sightings/index", "organisations/index", "sharing_groups/index", "warninglists/index", "nothing/index"} {
		get(p)
	}
	for _, body := range []string{`{"includeSightings":1}`, `{"limit":1,"page":2}`, `{"timestamp":"2h"}`} {
		post("events/restSearch", body)
		post("attributes/restSearch", body)
	}
	post("events/restSearch", `{"returnFormat":"stix2"}`)
	post("attributes/restSearch", `{"returnFormat":"csv"}`)
	post("events/index", `{"minimal":1,"timestamp":"2h"}`)
	for _, w := range words {
		post("events/restSearch", `{"value":"`+w+`"}`)
		post("attributes/restSearch", `{"value":"%`+w+`%"}`)
		post("tags/search", `{"tag":"%`+w+`%"}`)
	}
	for _, id := range append([]string{mispShared, mispSharedPart, mispSecret, mispSecretPart}, ids...) {
		e := url.PathEscape(id)
		for _, p := range []string{"events/view/", "attributes/view/", "objects/view/", "eventReports/view/",
			"eventReports/index/event_id:"} {
			get(p + e)
		}
		post("events/view/"+e, `{"deleted":[0,1]}`)
		post("sightings/listSightings", `{"context":"event","id":"`+id+`"}`)
		post("sightings/listSightings", `{"context":"attribute","id":"`+id+`"}`)
		if id == mispShared || id == mispSharedPart {
			continue
		}
		post("events/edit/"+e, `{"info":"x"}`)
		post("events/publish/"+e, `{}`)
		post("events/delete/"+e, `{}`)
		post("attributes/edit/"+e, `{"comment":"x"}`)
		post("attributes/delete/"+e, `{}`)
		post("attributes/add/"+e, `{"type":"domain","value":"x.example"}`)
		post("sightings/add/"+e, `{}`)
		post("tags/attachTagToObject", `{"uuid":"`+id+`","tag":"x"}`)
	}
	// C's own event of the same uuid is taken in both worlds, whoever else has one.
	post("events/add", mispEvent(mispSecret, "C's own", "", `{"uuid":"`+mispSecretPart+
		`","type":"domain","value":"own.example","to_ids":true}`))
	return out
}
