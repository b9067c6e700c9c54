package start

import (
	"testing"
	"unsafe"
)

// TestGrowStack: what is on a stack that grows is somewhere else afterwards.
func TestGrowStack(t *testing.T) {
	moved := make(chan bool)
	go func() {
		var here byte
		before := uintptr(unsafe.Pointer(&here))
		growStack(false)
		first := uintptr(unsafe.Pointer(&here))
		growStack(false)
		moved <- before != first
		moved <- first != uintptr(unsafe.Pointer(&here))
	}()
	if !<-moved {
		t.Error("the stack has not grown")
	}
	if <-moved {
		t.Error("the stack has grown a second time")
	}
}
