//go:build linux

package linux

func programByName(args []string) bool { return false }
