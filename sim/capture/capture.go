// Package capture writes what the devices of a simulated world send and receive as pcapng files, which Wireshark and
// tshark read.
//
// Each device is an interface of the file, named host/namespace/device. As on Linux a frame that goes from one device to
// another is there twice: as sent by the one and as received by the other. A frame that was dropped where it was received
// has a comment that says why, in the words of Linux's drop reasons; one that was dropped later, or before any device had
// it, stands there once more, with that comment, on the device where that happened.
//
// Times are the world's. The same seed and the same doings give the same file, byte for byte, as long as nothing outside
// the world's actors takes part (see sim.World.Go).
package capture

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/cnilab/cnilab/sim"
)

// A Capture is a file that is being written.
type Capture struct {
	to         io.Writer
	file       *pcapgo.NgWriter // nil until the first frame
	interfaces map[sim.Place]int
	stop       func()
	err        error // the first

	held *sim.Sight // a frame of which it may still be said that it was dropped
	why  []string   // comments on it
}

// Start writes all frames of the world to a file from now on, until Close is called. With places, only those of these
// devices.
func Start(w *sim.World, to io.Writer, places ...sim.Place) *Capture {
	c := &Capture{to: to, interfaces: map[sim.Place]int{}}
	c.stop = w.Watch(func(s sim.Sight) {
		if len(places) == 0 || slices.Contains(places, s.Place) {
			c.see(s)
		}
	})
	return c
}

// Close ends the capture, and returns the first error that there was. It does not close the file below.
func (c *Capture) Close() error {
	c.stop()
	c.release()
	if c.file == nil {
		c.begin(sim.Place{}) // a file without frames has an interface all the same
	}
	if c.err == nil {
		c.err = c.file.Flush()
	}
	if c.err != nil {
		return fmt.Errorf("capture: %w", c.err)
	}
	return nil
}

// see holds a frame back until the next one comes: what is said of it in between is a comment on it.
func (c *Capture) see(s sim.Sight) {
	switch s.Event {
	case sim.Sent, sim.Received:
		c.hold(s)
	case sim.Dropped:
		if !c.isHeld(s) {
			c.hold(s)
		}
		c.why = append(c.why, comment(s))
	}
}

func (c *Capture) hold(s sim.Sight) {
	c.release()
	c.held = &s
}

// isHeld reports whether a sight is of the frame that is held back.
func (c *Capture) isHeld(s sim.Sight) bool {
	return c.held != nil && c.held.Place == s.Place && c.held.At.Equal(s.At) && bytes.Equal(c.held.Frame, s.Frame)
}

func comment(s sim.Sight) string {
	text := "dropped: " + string(s.Reason)
	if s.Detail != "" {
		text += " (" + s.Detail + ")"
	}
	return text
}

// release writes the frame that is held back.
func (c *Capture) release() {
	s := c.held
	if s == nil || c.err != nil {
		return
	}
	id := c.interfaceOf(s.Place)
	if c.err == nil {
		info := gopacket.CaptureInfo{
			Timestamp: s.At, CaptureLength: len(s.Frame), Length: len(s.Frame), InterfaceIndex: id,
		}
		c.err = c.file.WritePacketWithOptions(info, s.Frame, pcapgo.NgPacketOptions{Comments: c.why, Flags: directionOf(*s)})
	}
	c.held, c.why = nil, nil
}

// directionOf tells received frames from sent ones. (pcapng, 4.3.1: Enhanced Packet Block Flags Word.)
func directionOf(s sim.Sight) *pcapgo.NgEpbFlags {
	flags := pcapgo.NgEpbFlags{}
	switch s.Event {
	case sim.Received:
		flags.Direction = pcapgo.NgEpbFlagDirectionInbound
	case sim.Sent:
		flags.Direction = pcapgo.NgEpbFlagDirectionOutbound
	}
	return &flags
}

// interfaceOf returns the number of a device in the file, where it is added when it is first seen.
func (c *Capture) interfaceOf(p sim.Place) int {
	id, known := c.interfaces[p]
	switch {
	case known:
		return id
	case c.file == nil:
		c.begin(p)
	default:
		id, c.err = c.file.AddInterface(describe(p))
	}
	c.interfaces[p] = id
	return id
}

// begin writes the beginning of the file, with its first interface.
func (c *Capture) begin(first sim.Place) {
	c.file, c.err = pcapgo.NewNgWriterInterface(c.to, describe(first), pcapgo.NgWriterOptions{
		SectionInfo: pcapgo.NgSectionInfo{Application: "cnilab"},
	})
}

func describe(p sim.Place) pcapgo.NgInterface {
	return pcapgo.NgInterface{Name: p.String(), LinkType: layers.LinkTypeEthernet}
}
