package config

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
)

// maxVLAN is the greatest VLAN ID: 4095 is reserved (IEEE 802.1Q).
const maxVLAN = 4094

// nativeOfTrunk is the VLAN of untagged frames on a trunk whose configuration names none, as of the reference.
const nativeOfTrunk = 1

// VLANs say which VLANs a container is in.
type VLANs struct {
	ID              int         // of the container's untagged frames; 0: none is given
	Trunk           []VLANRange // those that the container sees with their tags, in ascending order, none twice
	PreserveDefault bool        // the container stays in the bridge's default VLAN besides
}

// Filter says whether the bridge has to filter VLANs. (The reference's does for an empty vlanTrunk too.)
func (v VLANs) Filter() bool { return v.Native() != 0 }

// Native is the VLAN of the container's untagged frames; 0: the bridge is not asked to know VLANs.
func (v VLANs) Native() int {
	if v.ID == 0 && len(v.Trunk) > 0 {
		return nativeOfTrunk
	}
	return v.ID
}

// A VLANRange is the VLANs from First to Last.
type VLANRange struct{ First, Last int }

// vlanKeys are the keys about VLANs.
type vlanKeys struct {
	VLAN            int        `json:"vlan"`
	Trunk           []*trunked `json:"vlanTrunk"`
	PreserveDefault bool       `json:"preserveDefaultVlan"`
}

// trunked is one element of vlanTrunk: a range, one ID, or both.
type trunked struct {
	MinID *int `json:"minID"`
	MaxID *int `json:"maxID"`
	ID    *int `json:"id"`
}

// parseVLANs has the reference's messages.
func parseVLANs(data []byte) (VLANs, error) {
	var k vlanKeys
	if err := decode(data, &k); err != nil {
		return VLANs{}, err
	}
	if k.VLAN < 0 || k.VLAN > maxVLAN {
		return VLANs{}, invalid(fmt.Sprintf("invalid VLAN ID %d (must be between 0 and %d)", k.VLAN, maxVLAN), "")
	}
	var ranges []VLANRange
	for _, element := range k.Trunk {
		more, problem := element.ranges()
		if problem != "" {
			return VLANs{}, invalid(problem, `"vlanTrunk" has elements such as {"minID": 100, "maxID": 199} and {"id": 7}`)
		}
		ranges = append(ranges, more...)
	}
	return VLANs{ID: k.VLAN, Trunk: merge(ranges), PreserveDefault: k.PreserveDefault}, nil
}

// ranges returns what the element says, or what is wrong with it.
func (t *trunked) ranges() (ranges []VLANRange, problem string) {
	switch {
	case t == nil:
		return nil, "incorrect trunk parameter null"
	case t.MinID != nil && t.MaxID == nil:
		return nil, "minID and maxID should be configured simultaneously, maxID is missing"
	case t.MinID == nil && t.MaxID != nil:
		return nil, "minID and maxID should be configured simultaneously, minID is missing"
	case t.MinID != nil && !isVLAN(*t.MinID):
		return nil, "incorrect trunk minID parameter"
	case t.MaxID != nil && !isVLAN(*t.MaxID):
		return nil, "incorrect trunk maxID parameter"
	case t.MinID != nil && *t.MinID > *t.MaxID:
		return nil, "minID is greater than maxID in trunk parameter"
	case t.ID != nil && !isVLAN(*t.ID):
		return nil, "incorrect trunk id parameter"
	}
	if t.MinID != nil {
		ranges = append(ranges, VLANRange{*t.MinID, *t.MaxID})
	}
	if t.ID != nil {
		ranges = append(ranges, VLANRange{*t.ID, *t.ID})
	}
	return ranges, ""
}

func isVLAN(id int) bool { return id > 0 && id <= maxVLAN }

// merge sorts ranges and joins those that meet.
func merge(ranges []VLANRange) (merged []VLANRange) {
	sort.Slice(ranges, func(i, j int) bool { return ranges[i].First < ranges[j].First })
	for _, r := range ranges {
		last := len(merged) - 1
		if last >= 0 && r.First <= merged[last].Last+1 {
			merged[last].Last = max(merged[last].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// VLANGateway is the name of the link that has the gateway's addresses of a VLAN; "" where it is the bridge itself.
func (c Config) VLANGateway() string {
	if !c.IsGateway || c.VLANs.ID == 0 {
		return ""
	}
	return vlanGateway(c.Bridge, c.VLANs.ID)
}

func vlanGateway(bridge string, vlan int) string { return bridge + "." + strconv.Itoa(vlan) }

// FindVLANGateway is VLANGateway of a configuration that need not be valid.
func FindVLANGateway(data []byte) string {
	keys := struct {
		Bridge string `json:"bridge"`
		VLAN   int    `json:"vlan"`
	}{Bridge: DefaultBridge}
	if json.Unmarshal(data, &keys) != nil || keys.VLAN == 0 {
		return ""
	}
	return vlanGateway(keys.Bridge, keys.VLAN)
}

// FindBridge is Bridge of a configuration that need not be valid; "" where it is no JSON object.
func FindBridge(data []byte) string {
	keys := struct {
		Bridge string `json:"bridge"`
	}{Bridge: DefaultBridge}
	if json.Unmarshal(data, &keys) != nil {
		return ""
	}
	return keys.Bridge
}

// validateVLANGateway refuses a name that no link can have, before something else is made.
func (c Config) validateVLANGateway() error {
	name := c.VLANGateway()
	if name == "" {
		return nil
	}
	if err := ValidateLinkName(name); err != nil {
		return invalid(fmt.Sprintf("invalid name %q of the gateway of VLAN %d: %s", name, c.VLANs.ID, err.Msg),
			`it is the name of "bridge" and the VLAN; choose a shorter one`)
	}
	return nil
}
