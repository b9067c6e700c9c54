package kernel

import (
	"slices"
	"strconv"
)

func (s *namespaceView) vlans() ([]Object, error) {
	vlans, err := s.handle.VLANs()
	if err != nil {
		return nil, err
	}
	standard := s.standardVLANs()
	var objects []Object
	for _, v := range vlans {
		if i := slices.Index(standard, v); i >= 0 {
			standard = slices.Delete(standard, i, i+1)
			continue
		}
		objects = append(objects, s.vlan(v))
	}
	for _, v := range standard {
		o := s.vlan(v)
		o.addFlag("deleted", true)
		objects = append(objects, o)
	}
	return objects, nil
}

// standardVLANs are the memberships that bridges give themselves and their ports.
func (s *namespaceView) standardVLANs() (standard []VLAN) {
	defaults := map[int]int{}
	for _, l := range s.links {
		if l.Kind == KindBridge {
			defaults[l.Index] = l.Bridge.DefaultPVID
		}
	}
	for _, l := range s.links {
		bridge := l.Master
		if l.Kind == KindBridge {
			bridge = l.Index
		}
		if id := defaults[bridge]; id > 0 {
			standard = append(standard, VLAN{Link: l.Index, ID: id, PVID: true, Untagged: true})
		}
	}
	return standard
}

func (s *namespaceView) vlan(v VLAN) Object {
	o := Object{Noun: NounVLAN, Name: strconv.Itoa(v.ID)}
	o.add("dev", s.linkName(v.Link))
	o.addFlag("pvid", v.PVID)
	o.addFlag("untagged", v.Untagged)
	return o
}

func (s *namespaceView) fdb() ([]Object, error) {
	entries, err := s.handle.FDB()
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, e := range entries {
		if e.State == FDBDynamic {
			continue
		}
		o := Object{Noun: NounFDB, Name: e.MAC.String()}
		o.add("dev", s.linkName(e.Link))
		if e.VLAN != 0 {
			o.add("vlan", strconv.Itoa(e.VLAN))
		}
		if e.Dst.IsValid() {
			o.add("dst", e.Dst.String())
		}
		o.add("state", string(e.State))
		objects = append(objects, o)
	}
	return objects, nil
}
