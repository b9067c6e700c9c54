package kerneltest

import (
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// A mutant is a backend that is wrong in the way that one law is about.
type mutant struct {
	law   string
	wrong string // what it does, in words that follow "a backend that"
	twist twist
}

// mutants has one of every law.
func mutants() []mutant {
	var all []mutant
	for _, topic := range [][]mutant{
		linkMutants(), changeMutants(), vethMutants(), bridgeMutants(), masterMutants(), portMutants(), vlanMutants(), vlanLinkMutants(), vxlanMutants(), fdbMutants(), stateMutants(),
		moveMutants(),
		addressMutants(), autoAddressMutants(), autoRouteMutants(), routeMutants(), routeMetricMutants(), routeLifeMutants(), multipathMutants(), ruleMutants(), policyMutants(),
		neighbourMutants(), askerMutants(), advertisementMutants(), solicitationMutants(), sysctlMutants(), nftMutants(), filterWordMutants(), iptablesMutants(), packetFilterMutants(), translationMutants(), markMutants(), flowMarkMutants(), portsMutants(), bridgedMutants(), namespaceMutants(), lockMutants(), fileMutants(), folderMutants(),
		programMutants(), clockMutants(), probeMutants(), limitMutants(), sharedMutants(),
		familyMutants(), oddLinkMutants(), oddAddressMutants(), oddRouteMutants(), oddFileMutants(),
	} {
		all = append(all, topic...)
	}
	return all
}

// rightHost returns a backend that obeys the laws, to be twisted.
func rightHost(t testing.TB) kernel.Host {
	w := sim.NewWorld(sim.Config{Seed: 1, Transport: netstack.New})
	t.Cleanup(w.Close)
	return w.AddHost("node")
}

func TestLawsRejectMutants(t *testing.T) {
	laws := make(map[string]Law)
	for _, law := range Laws() {
		laws[law.Name] = law
	}
	for _, m := range mutants() {
		t.Run(m.law, func(t *testing.T) {
			law, ok := laws[m.law]
			if !ok {
				t.Fatal("there is no such law")
			}
			err := law.Check(m.twist.Host(rightHost(t)))
			switch {
			case err == nil:
				t.Errorf("holds on a backend that %s", m.wrong)
			case !strings.HasPrefix(err.Error(), law.Name+": ") || !strings.Contains(err.Error(), law.Source):
				t.Errorf("does not name the law and its source: %v", err)
			}
			t.Logf("a backend that %s: %v", m.wrong, err)
		})
	}
}

// What a mutant does not name is right, so that nothing else makes its law fail.
func TestLawsAcceptTwistThatNamesNothing(t *testing.T) {
	if err := Check(func() (kernel.Host, func(), error) { return twist{}.Host(rightHost(t)), func() {}, nil }); err != nil {
		t.Error(err)
	}
}

func TestEveryLawHasMutant(t *testing.T) {
	has := make(map[string]bool)
	for _, m := range mutants() {
		if has[m.law] {
			t.Errorf("%s has two mutants", m.law)
		}
		has[m.law] = true
	}
	for _, law := range Laws() {
		if !has[law.Name] {
			t.Errorf("%s has no mutant: nothing shows that it can fail", law.Name)
		}
	}
}
