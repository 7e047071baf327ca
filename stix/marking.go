package stix

import (
	"strings"
	"time"
)

// TLP2Extension is the extension definition by which STIX 2.1 carries TLP 2.0.
const TLP2Extension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// tlp2 lists the labels of TLP 2.0 from least to most strict, and the ids that
// OASIS gave them (cti-stix-common-objects, tlp-2.0).
var tlp2 = [...]struct{ name, value, id string }{
	{"TLP:CLEAR", "clear", "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"},
	{"TLP:GREEN", "green", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"},
	{"TLP:AMBER", "amber", "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"},
	{"TLP:AMBER+STRICT", "amber+strict", "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"},
	{"TLP:RED", "red", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"},
}

// tlp1 lists the four objects of TLP 1 that section 7.2.1.4 fixes, each with
// the label of TLP 2.0 that it means.
var tlp1 = [...]struct{ id, value, name string }{
	{"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "white", "TLP:CLEAR"},
	{"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "green", "TLP:GREEN"},
	{"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "amber", "TLP:AMBER"},
	{"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red", "TLP:RED"},
}

// TLPName returns the TLP 2.0 label that a marking definition's id stands for,
// those of TLP 1 too: "TLP:AMBER+STRICT". ok is false for any other marking.
func TLPName(id string) (name string, ok bool) {
	id = strings.ToLower(id)
	for _, t := range tlp2 {
		if t.id == id {
			return t.name, true
		}
	}
	for _, t := range tlp1 {
		if t.id == id {
			return t.name, true
		}
	}
	return "", false
}

// TLPMarkingID returns the id of the marking definition of a TLP 2.0 label, with
// or without "TLP:", in any case.
func TLPMarkingID(name string) (id string, ok bool) {
	i := tlpRank(name)
	if i < 0 {
		return "", false
	}
	return tlp2[i].id, true
}

// TLPMarking returns the marking definition of a TLP 2.0 label, to be sent with
// what it marks; nil if the label is unknown.
func TLPMarking(name string) *Object {
	i := tlpRank(name)
	if i < 0 {
		return nil
	}
	t := tlp2[i]
	extension := map[string]any{"extension_type": "property-extension", "tlp_2_0": t.value}
	created := TimestampOf(time.Date(2022, 10, 1, 0, 0, 0, 0, time.UTC))
	o, err := MarkingDefinition{
		ID: t.id, Created: created, Name: t.name, Extensions: map[string]any{TLP2Extension: extension},
	}.Object()
	if err != nil { // cannot happen: a test builds all of them
		return nil
	}
	return o
}

// StrictestTLP returns the strictest label among an object's markings; TLP 1 and
// TLP 2.0 may be mixed. ok is false if none of them is a TLP marking. others
// counts the markings that are not: to ignore those is to weaken them.
func StrictestTLP(markings []string) (name string, others int, ok bool) {
	best := -1
	for _, m := range markings {
		n, known := TLPName(m)
		if !known {
			others++
			continue
		}
		best = max(best, tlpRank(n))
	}
	if best < 0 {
		return "", others, false
	}
	return tlp2[best].name, others, true
}

func tlpRank(name string) int {
	name = strings.ToUpper(strings.TrimSpace(name))
	if !strings.HasPrefix(name, "TLP:") {
		name = "TLP:" + name
	}
	for i, t := range tlp2 {
		if t.name == name {
			return i
		}
	}
	return -1
}
