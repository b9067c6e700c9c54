package sim

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// quietPatience is how long a process that does not get quiet is waited for: it may have other things to do than this
// world's. What computes for longer between two calls of a socket finds that time has gone on.
const quietPatience = 100 * time.Millisecond

// awaitQuiet returns when no goroutine of the process runs or could run, or patience is at its end. A goroutine that
// sleeps, or waits for the operating system, is quiet.
func awaitQuiet() {
	const enough = 2 // looks in a row: a goroutine may be on its way between two states
	end := time.Now().Add(quietPatience)
	for looks, quiet := 0, 0; quiet < enough && time.Now().Before(end); looks++ {
		breathe(looks)
		quiet++
		if isBusy() {
			quiet = 0
		}
	}
}

// breathe lets others run: at once, and after some times for longer.
func breathe(times int) {
	if times < 10 {
		runtime.Gosched()
		return
	}
	time.Sleep(50 * time.Microsecond)
}

// isBusy reports whether a goroutine besides the calling one runs or could run.
func isBusy() bool {
	sample := []metrics.Sample{
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/goroutines/running:goroutines"},
	}
	metrics.Read(sample)
	return sample[0].Value.Uint64() > 0 || sample[1].Value.Uint64() > 1
}
