package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// A Law is one rule that every backend obeys.
type Law struct {
	Name   string // path-like: "link/add/name-taken"
	Source string // the file and function of Linux that has the rule, or the contract where the rule is ours
	holds  func(e *env)
}

// ErrLeftOut is wrapped by the answer of Law.Check where the backend lacks what the law is about.
var ErrLeftOut = errors.New("left out")

// Laws returns all laws, by topic.
func Laws() []Law {
	return slices.Concat(
		linkLaws, changeLaws, vethLaws, bridgeLaws, masterLaws, portLaws, vlanLaws, vlanLinkLaws, vxlanLaws, fdbLaws, stateLaws, moveLaws,
		addressLaws, autoAddressLaws, addressRouteLaws, routeLaws, routeMetricLaws, routeLifeLaws, multipathLaws, siblingLaws, ruleLaws, policyLaws, neighbourLaws, askerLaws, advertisementLaws, solicitationLaws, sysctlLaws,
		nftTableLaws, nftChainLaws, nftRuleLaws, nftChangeLaws, filterWordLaws, iptablesLaws, packetFilterLaws, packetMatchLaws, translationLaws, markLaws, flowMarkLaws, portsLaws, flowLaws,
		bridgedLaws, bridgedTranslationLaws, bridgedRejectLaws, bridgedIPv6Laws, bridgedOrderLaws, bridgedVLANLaws,
		namespaceLaws, lockLaws, fileLaws, folderLaws, programLaws, clockLaws, probeLaws, limitLaws, sharedLaws,
		familyLaws, oddLinkLaws, oddAddressLaws, oddRouteLaws, oddFileLaws,
	)
}

// Check tries the law on a host. The error of a broken law is one line that says what was done, what was wanted and
// what came instead.
func (l Law) Check(h kernel.Host) error { return l.check(h, func(*env) {}) }

// check tries the law, and calls look before what the law has made is cleaned up.
func (l Law) check(h kernel.Host, look func(e *env)) (err error) {
	e := &env{Host: h, law: l.Name, ctx: context.Background()}
	defer func() {
		err = l.verdict(recover(), e.cleanUp())
	}()
	l.holds(e)
	look(e)
	return nil
}

// broken is the error of a law that does not hold.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// verdict makes the answer of Check from what ended the law early, if anything, and what could not be cleaned up.
func (l Law) verdict(ended any, leftover error) error {
	switch ended := ended.(type) {
	case nil:
		if leftover != nil {
			return fmt.Errorf("%s: cleaning up: %w", l.Name, leftover)
		}
		return nil
	case breach:
		return broken{fmt.Errorf("%s: %w (%s)", l.Name, ended.error, l.Source)}
	case leftOut:
		return fmt.Errorf("%s: %w: %s", l.Name, ErrLeftOut, string(ended))
	default:
		panic(ended)
	}
}

// Check tries all laws, each on a host of its own that new makes and cleanup takes away. Its error joins one error for
// each broken law; laws about what the backend does not have are passed over.
func Check(new func() (h kernel.Host, cleanup func(), err error)) error {
	var broken []error
	for _, law := range Laws() {
		h, cleanup, err := new()
		if err != nil {
			return fmt.Errorf("making a host for law %s: %w", law.Name, err)
		}
		if err := law.Check(h); err != nil && !errors.Is(err, ErrLeftOut) {
			broken = append(broken, err)
		}
		cleanup()
	}
	return errors.Join(broken...)
}

// Run tries every law in a parallel subtest of its name, on a host of its own: most of the time goes by waiting for what
// Linux does late. Laws about what the backend does not have are skipped, with the reason.
func Run(t *testing.T, new func(t testing.TB) kernel.Host) { RunSome(t, Laws(), new) }

// RunSome is Run for some of the laws.
func RunSome(t *testing.T, laws []Law, new func(t testing.TB) kernel.Host) {
	for _, law := range laws {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			err := law.Check(new(t))
			if errors.Is(err, ErrLeftOut) {
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
