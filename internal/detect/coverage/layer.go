package coverage

import "strconv"

// Layer is a layer of the ATT&CK Navigator, format 4.5.
type Layer struct {
	Name        string            `json:"name"`
	Versions    map[string]string `json:"versions"`
	Domain      string            `json:"domain"`
	Description string            `json:"description"`
	Sorting     int               `json:"sorting"` // 3: by score, the greatest first
	Techniques  []LayerTechnique  `json:"techniques"`
	Gradient    LayerGradient     `json:"gradient"`
	Legend      []struct{}        `json:"legendItems"`
	Metadata    []LayerMeta       `json:"metadata"`
}

// LayerTechnique is one technique of a layer.
type LayerTechnique struct {
	ID       string      `json:"techniqueID"`
	Score    int         `json:"score"`
	Comment  string      `json:"comment,omitempty"`
	Enabled  bool        `json:"enabled"`
	Metadata []LayerMeta `json:"metadata"`
	ShowSubs bool        `json:"showSubtechniques"`
}

// LayerGradient is the colours between a least and a greatest score.
type LayerGradient struct {
	Colors []string `json:"colors"`
	Min    int      `json:"minValue"`
	Max    int      `json:"maxValue"`
}

// LayerMeta is a name and a value.
type LayerMeta struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Layer returns the coverage for the ATT&CK Navigator: the score of a technique is
// the number of rules that look for it, sub-techniques by themselves.
func (c Coverage) Layer(name, description string) Layer {
	l := Layer{Name: name, Versions: map[string]string{"layer": "4.5", "navigator": "5.1.0"},
		Domain: "enterprise-attack", Description: description, Sorting: 3,
		Techniques: []LayerTechnique{}, Legend: []struct{}{}, Metadata: []LayerMeta{},
		Gradient: LayerGradient{Colors: []string{"#cfe1f5", "#0a4a96"}, Min: 1, Max: 1}}
	add := func(x Cell) {
		if x.Rules == 0 {
			return
		}
		l.Gradient.Max = max(l.Gradient.Max, x.Rules)
		t := LayerTechnique{ID: x.ID, Score: x.Rules, Enabled: true,
			Metadata: []LayerMeta{{"rules", strconv.Itoa(x.Rules)}, {"hits", strconv.FormatInt(x.Hits, 10)}}}
		if x.Members > 0 {
			t.Metadata = append(t.Metadata, LayerMeta{"members", strconv.Itoa(x.Members)})
		}
		l.Techniques = append(l.Techniques, t)
	}
	for _, x := range c.Cells {
		add(x)
		for _, s := range x.Subs {
			add(s)
		}
	}
	return l
}
