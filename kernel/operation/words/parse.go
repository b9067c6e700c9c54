package words

import (
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The parsers of single words.

// String takes any word.
func String(s string) (string, error) { return s, nil }

// Int takes a decimal number.
func Int(s string) (int, error) { return strconv.Atoi(s) }

// Duration takes a time with its unit.
func Duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = errors.New("below zero")
	}
	return d, err
}

// Pointer takes what parse takes, for a target that is nil where the word is not given.
func Pointer[T any](parse func(string) (T, error)) func(string) (*T, error) {
	return func(s string) (*T, error) {
		v, err := parse(s)
		return &v, err
	}
}

// Addr takes an IP address; an empty word is none.
func Addr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}

// Prefix takes a prefix, and lets an address stand for the one of its whole length; an empty word is none.
func Prefix(s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// MAC takes a hardware address of any length, so that a wrong one can be said; an empty word is one without bytes.
func MAC(s string) (net.HardwareAddr, error) {
	if mac, err := net.ParseMAC(s); err == nil {
		return mac, nil
	}
	mac := net.HardwareAddr{}
	for part := range strings.SplitSeq(s, ":") {
		octet, err := hex.DecodeString(part)
		if err != nil || len(octet) > 1 || len(octet) == 0 && s != "" {
			return nil, errors.New("no bytes in hexadecimal, with colons between them")
		}
		mac = append(mac, octet...)
	}
	return mac, nil
}

// Switch takes on or off.
func Switch(s string) (bool, error) {
	switch s {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, errors.New("neither on nor off")
}
