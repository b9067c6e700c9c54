package scenario

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel/cable"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func hostForms() []form {
	return []form{
		{
			"host", "host NAME", "make another machine, with the same plugins; the first is called " + FirstHost +
				". Snapshots are of all: \"NAME/pod\" is a namespace of another, \"NAME:/run/x\" its file",
			(*session).addHost,
		},
		{
			"on", "on HOST LINE", "do a line on a machine; without, it is done on the first", (*session).on,
		},
		{
			"cable", "cable A[:DEVICE] B[:DEVICE] [delay TIME] [loss PERCENT] [rate BITS] [limit FRAMES] [cut|blackhole|mend]",
			"join two machines by a cable, with an Ethernet card at each end (DEVICE: the next of eth0, eth1, ...; on a real" +
				" kernel an end of a veth), or change the cable that they have: cut takes the carrier too, blackhole the frames" +
				" alone; 5ms, 1%, 100mbit, and how many FRAMES may wait for the rate, are for the simulation alone",
			(*session).layCable,
		},
	}
}

// A Cable is what a line says of one between two machines. What is nil it does not say.
type Cable struct {
	A, B  CableEnd
	Delay *time.Duration
	Loss  *float64 // 0 to 1
	Rate  *int64   // bits a second
	Limit *int     // how many frames may wait
	State *cable.State
}

// A CableEnd is a machine, and its device at the cable.
type CableEnd struct {
	Host   string
	Device string // "": any one that there is, or the next name that is free
}

// String is as in a line.
func (e CableEnd) String() string { return strings.TrimSuffix(e.Host+":"+e.Device, ":") }

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func (s *session) addHost(_ string, w *words.Reader) (string, error) {
	var name string
	if err := w.Only("NAME", &name); err != nil {
		return "", err
	}
	switch {
	case !hostName.MatchString(name):
		return "", w.Wrong("%q is no NAME of a machine: letters, digits and hyphens", name)
	case s.nodeNamed(name) != nil:
		return "", w.Wrong("there is a machine %s already", name)
	}
	host, err := s.makeHost(name)
	if err == nil {
		s.addNode(name, host)
	}
	return "", err
}

func (s *session) on(_ string, w *words.Reader) (string, error) {
	n, err := s.readHost(w)
	switch {
	case err != nil:
		return "", err
	case len(w.Rest) == 0:
		return "", w.Wrong("LINE is missing")
	}
	was := s.node
	s.node = n
	defer func() { s.node = was }()
	return s.do(w.Rest)
}

// readHost takes the name of a machine.
func (s *session) readHost(w *words.Reader) (*node, error) {
	name, err := w.Next("HOST")
	if err != nil {
		return nil, err
	}
	n := s.nodeNamed(name)
	if n == nil {
		return nil, w.Wrong("there is no machine %q, but %s", name, strings.Join(s.nodeNames(), ", "))
	}
	return n, nil
}

func (s *session) layCable(_ string, w *words.Reader) (string, error) {
	var c Cable
	err := s.cableEnd(w, "A", &c.A)
	if err == nil {
		err = s.cableEnd(w, "B", &c.B)
	}
	if err == nil {
		err = w.Keywords(words.Keywords{
			"delay": words.Value(w, "TIME", &c.Delay, words.Pointer(words.Duration)),
			"loss":  words.Value(w, "PERCENT", &c.Loss, words.Pointer(parsePercent)),
			"rate":  words.Value(w, "BITS", &c.Rate, words.Pointer(parseRate)),
			"limit": words.Value(w, "FRAMES", &c.Limit, words.Pointer(parseOrdinal)),

			"cut":       words.Set(&c.State, new(cable.Cut)),
			"blackhole": words.Set(&c.State, new(cable.Blackhole)),
			"mend":      words.Set(&c.State, new(cable.Whole)),
		})
	}
	if err != nil {
		return "", err
	}
	return "", s.cable(c)
}

// cableEnd takes HOST or HOST:DEVICE.
func (s *session) cableEnd(w *words.Reader, what string, end *CableEnd) error {
	word, err := w.Next(what)
	if err != nil {
		return err
	}
	end.Host, end.Device, _ = strings.Cut(word, ":")
	if s.nodeNamed(end.Host) == nil {
		return w.Wrong(`there is no machine %[1]q; a line "host %[1]s" makes it`, end.Host)
	}
	return nil
}

// parsePercent reads "0.1%".
func parsePercent(word string) (share float64, err error) {
	number, ok := strings.CutSuffix(word, "%")
	if !ok {
		return 0, errors.New("no %")
	}
	share, err = strconv.ParseFloat(number, 64)
	if err == nil && !(share >= 0 && share <= 100) {
		err = errors.New("not 0 to 100")
	}
	return share / 100, err
}

type rateUnit struct {
	unit string
	bits int64
}

// rates are the units of tc(8), the longer names first.
var rates = []rateUnit{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// parseRate reads "100mbit"; 0bit is no limit.
func parseRate(word string) (int64, error) {
	for _, r := range rates {
		if number, ok := strings.CutSuffix(word, r.unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			if bits := n * float64(r.bits); err == nil && bits >= 0 && bits < math.MaxInt64 {
				return int64(bits), nil
			}
		}
	}
	return 0, errors.New("no rate")
}

// FormatRate writes a rate, in bits a second, as a line says it: in the greatest unit that it has a whole number of.
func FormatRate(rate int64) string {
	r := rates[slices.IndexFunc(rates, func(r rateUnit) bool { return rate%r.bits == 0 })]
	return strconv.FormatInt(rate/r.bits, 10) + r.unit
}

// cutHost takes "on HOST" off the words of a line.
func cutHost(line []string) []string {
	for len(line) > 2 && line[0] == "on" {
		line = line[2:]
	}
	return line
}
