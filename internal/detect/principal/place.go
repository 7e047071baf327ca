package principal

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// Place is a point on the earth.
type Place struct {
	Lat  float64 `json:"lat"` // degrees north
	Lon  float64 `json:"lon"` // degrees east
	Name string  `json:"name,omitempty"`
}

func (p Place) valid() bool {
	return math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 && (p.Lat != 0 || p.Lon != 0)
}

// Distance returns the great-circle distance in kilometres (haversine; the earth
// as a sphere of 6,371 km).
func (p Place) Distance(q Place) float64 {
	rad := math.Pi / 180
	dLat, dLon := (q.Lat-p.Lat)*rad, (q.Lon-p.Lon)*rad
	a := math.Pow(math.Sin(dLat/2), 2) + math.Cos(p.Lat*rad)*math.Cos(q.Lat*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * 6371 * math.Asin(math.Sqrt(min(a, 1)))
}

// Places finds where networks are. A nil Places knows nothing. It does not
// change after it was read.
type Places struct {
	byBits [2][129]map[netip.Addr]Place // IPv4 and IPv6, by length of the prefix
	n      int
}

// maxPlaces bounds a table of networks.
const maxPlaces = 10_000_000

// ReadPlaces reads a table of networks from CSV with a header row: network (or
// cidr, prefix), latitude, longitude, and if there is one country (or name).
// That is the form of the tables that are sold or published. An error names
// the line; rows without coordinates are left out.
func ReadPlaces(r io.Reader) (*Places, error) {
	c := csv.NewReader(bufio.NewReaderSize(r, 1<<20))
	c.FieldsPerRecord, c.ReuseRecord, c.LazyQuotes = -1, true, true
	head, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header of the table of networks: %w", err)
	}
	at := map[string]int{}
	for i, h := range head {
		switch columnName(strings.TrimPrefix(h, "\ufeff")) {
		case "network", "cidr", "prefix", "subnet":
			at["network"] = i
		case "latitude", "lat":
			at["lat"] = i
		case "longitude", "lon", "lng", "long":
			at["lon"] = i
		case "country", "countryisocode", "countrycode", "name", "city":
			at["name"] = i
		}
	}
	for _, need := range []string{"network", "lat", "lon"} {
		if _, ok := at[need]; !ok {
			return nil, fmt.Errorf(
				"the table of networks needs columns network, latitude and longitude; found %q",
				strings.Join(head, ", "),
			)
		}
	}
	p := &Places{}
	names := map[string]string{}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		line, _ := c.FieldPos(0)
		if err != nil {
			return nil, fmt.Errorf("line %d of the table of networks: %w", line, err)
		}
		get := func(col string) string {
			if i, ok := at[col]; ok && i < len(rec) {
				return strings.TrimSpace(rec[i])
			}
			return ""
		}
		network, err := netip.ParsePrefix(get("network"))
		if err != nil {
			return nil, fmt.Errorf("line %d of the table of networks: %q is no network", line, get("network"))
		}
		lat, err1 := strconv.ParseFloat(get("lat"), 64)
		lon, err2 := strconv.ParseFloat(get("lon"), 64)
		place := Place{Lat: lat, Lon: lon}
		if err1 != nil || err2 != nil || !place.valid() {
			continue
		}
		if p.n++; p.n > maxPlaces {
			return nil, fmt.Errorf("line %d: the table of networks has more than %d rows", line, maxPlaces)
		}
		if n := get("name"); n != "" {
			if names[n] == "" {
				names[strings.Clone(n)] = strings.Clone(n)
			}
			place.Name = names[n]
		}
		network = network.Masked()
		v := 0
		if network.Addr().Is6() {
			v = 1
		}
		if p.byBits[v][network.Bits()] == nil {
			p.byBits[v][network.Bits()] = map[netip.Addr]Place{}
		}
		p.byBits[v][network.Bits()][network.Addr()] = place
	}
}

// Find returns the place of an address by the longest network that holds it, or nil.
func (p *Places) Find(ip string) *Place {
	a, err := netip.ParseAddr(ip)
	if p == nil || err != nil {
		return nil
	}
	v := 0
	if a = a.Unmap(); a.Is6() {
		v = 1
	}
	for bits := a.BitLen(); bits >= 0; bits-- {
		if m := p.byBits[v][bits]; m != nil {
			if network, err := a.Prefix(bits); err == nil {
				if place, ok := m[network.Addr()]; ok {
					return &place
				}
			}
		}
	}
	return nil
}
