# Every target says what it is for in the comment behind "##"; "make" alone prints them.

GO      ?= go
# No symbols, and functions at every 8 bytes; at every 32, as on amd64 otherwise, the plugin is 1.5% larger and no faster.
LDFLAGS := -s -w -funcalign=8
# What only runs on Linux proper: the backend itself, the same scenarios and laws on it, the commands.
REAL    := ./kernel/... ./plugin/... ./harness/bench/... ./harness/lockstep ./scenarios/... ./sim/capture ./cmd/...

# Tests on the real kernel mostly wait for it: more of them at a time than there are processors. Linkers and tests are
# over before their garbage matters: collecting it less often takes a tenth off the time. What "make lint" and
# "make test" vet is not vetted once more where it is built in another way.
GOTEST  := GOGC=400 $(GO) test -p 4 -parallel 8

# How long to fuzz each target.
T       ?= 10s

REFERENCE         := github.com/containernetworking/plugins/plugins
REFERENCE_VERSION := v1.9.1

# Nothing here needs a C compiler but the race detector.
export CGO_ENABLED = 0

# How often "make bench" measures, and which of its rows, by a regular expression; all if not given.
ROUNDS  ?= 5
ROWS    ?=

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz race real kills clients compare compare-linux compare-uml uml uml-laws uml-scenarios uml-requests laws fidelity lint bench build update clean

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## replay the embedded scenarios on the simulated kernel: the main job, as any user
	bin/cnilab test

test: ## run the tests that need no privileges
	$(GOTEST) ./...

# A run that is limited by time may end with nothing but "context deadline exceeded" when the limit comes while an input
# is being tried; that is no finding. One that is limited by a number of inputs (T=1000x) does not.
# What asks a real kernel (harness/lockstep) takes long for each input: "make fidelity" is for that.
fuzz: ## fuzz each target for some seconds, one after the other; "make fuzz T=10m" for longer
	@mkdir -p bin
	@grep -rEo --include='*_test.go' --exclude-dir=lockstep '^func Fuzz[A-Za-z0-9]+' . | while IFS=': ' read -r file _ target; do \
		echo "$$target"; status=0; \
		$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(T) -fuzzminimizetime 100x -parallel 1 "$$(dirname $$file)" \
			</dev/null >bin/fuzz.log 2>&1 || status=1; \
		cat bin/fuzz.log; ! grep -q 'no fuzz tests to fuzz' bin/fuzz.log || exit 1; test $$status = 0 && continue; \
		grep -q '^ *context deadline exceeded$$' bin/fuzz.log && ! grep -qE 'Failing input|panic:|_test.go' bin/fuzz.log || exit 1; \
	done

# What asks the simulation for one thing after the other, for long, has nobody to race with. What the plugin and its
# scenarios do on Linux is done by kernel/linux, whose own tests race.
SERIAL := ^(TestLinesAreAnIndex|TestLikeReference|TestAddFailsWithoutTrace|TestOddities|TestSimulationAnswersAsRecorded|TestFidelityPage|TestREADMEsRepository|TestLinux)$$|/^linux$$

race: ## run the same tests under the race detector (needs a C compiler), but for the long ones that do one thing at a time
	CGO_ENABLED=1 $(GOTEST) -vet=off -race -skip '$(SERIAL)' ./...

# What holds ours and the reference side by side, on this machine's kernel.
SIDE_BY_SIDE := ^TestLikeReference$$/^linux$$|^TestCrossCleanUp$$|^TestReferenceIPAM$$|^TestSharedWithReference$$

# What runs programs of others that call the plugin: "make clients".
CLIENTS := ^TestClient

# What a test does in the simulation, "make test" has shown. (It comes last of what is skipped: a test that a pattern with a
# slash matches in part is not asked about those behind it.)
SIMULATED := /^sim$$

real: build bin/reference/bridge bin/reference/flannel ## run what runs on the real kernel, in namespaces of its own, but for "make compare" and "make clients"; a skipped test is a failure
	CNILAB_REQUIRE_LINUX=1 CNILAB_REFERENCE=$(CURDIR)/bin/reference $(GOTEST) -vet=off -p 2 -count=1 -v -skip 'UML|^TestAnswers$$|$(SIDE_BY_SIDE)|$(CLIENTS)|$(SIMULATED)' $(REAL) >bin/real.log; \
		status=$$?; grep -E '^(ok|FAIL|panic:)|--- FAIL|^ +[a-z_]+_test.go' bin/real.log; test $$status = 0
	@awk 'FNR == NR { for (i = 1; i < NF; i++) if ($$i $$(i+1) == "leftout:") lacking[substr($$(i-1), 1, length($$(i-1))-1)]; next } \
		/--- SKIP/ { law = $$3; sub(/^[A-Za-z]+\//, "", law); if (law in lacking || $$3 in lacking) n++; else { print; bad = 1 } } \
		END { print n+0, "laws and tests were left out: this kernel was built without what they are about"; exit bad }' bin/real.log bin/real.log

# The reference's own tests are rows (plugin/reference_rows_test.go): all their dialogues have to be held, by either kernel,
# and what of a row no dialogue can do is told.
compare: compare-linux compare-uml ## run the reference and ours side by side on this kernel, VLANs on User Mode Linux: each row of its own tests
	@awk '$$2 == "row" && $$5 == "of" { held[$$3] += $$4; all[$$3] = $$6 } \
		$$2 == "row" && / is covered otherwise: / { sub(/^.* row /, "row "); otherwise[$$0] } \
		END { for (line in otherwise) print line; \
			for (r in all) if (held[r] >= all[r]) whole++; else print "row " r " " held[r] " of " all[r] " dialogues were held"; \
			print whole+0, "of the", length(all), "rows were compared"; exit whole == 0 || whole < length(all) }' bin/compare.log bin/compare-uml.log

compare-linux: bin/reference/bridge
	CNILAB_REQUIRE_LINUX=1 CNILAB_REFERENCE=$(CURDIR)/bin/reference $(GOTEST) -count=1 -v -run '$(SIDE_BY_SIDE)' ./plugin >bin/compare.log 2>&1; \
		status=$$?; grep -E '^(ok|FAIL|panic:)|--- FAIL|not in DIFFERENCES|does not occur' bin/compare.log; test $$status = 0

# The folder is named for User Mode Linux to show it: it has a /tmp of its own, and a clone may be below that.
compare-uml: bin/reference/bridge
	$(GO) build -o bin/ ./kernel/linux/uml/umlrun
	UMLRUN_WRITABLE=$(CURDIR)/bin/reference CNILAB_REQUIRE_LINUX=1 CNILAB_REFERENCE=$(CURDIR)/bin/reference $(GO) test -count=1 -v -parallel 4 \
		-run '^TestLikeReference$$/^linux$$/^all$$/^vlan-' -exec $(CURDIR)/bin/umlrun ./plugin >bin/compare-uml.log 2>&1; \
		status=$$?; grep -E '^(ok|FAIL|panic:|umlrun:)|--- FAIL|not in DIFFERENCES|does not occur' bin/compare-uml.log; test $$status = 0

kills: ## end ADD by SIGKILL at many of its system calls; "make real" does at some
	CNILAB_REQUIRE_LINUX=1 CNILAB_KILLS=all $(GO) test -count=1 -parallel 8 -timeout 30m -v -run '^TestKilled' ./plugin >bin/kills.log 2>&1; \
		status=$$?; grep -E '^(ok|FAIL|panic:)|--- FAIL|^ +[a-z_]+_test.go' bin/kills.log; test $$status = 0

clients: bin/reference/bridge bin/reference/portmap bin/reference/crictl ## run podman, containerd and cnitool with the plugin, and README's commands for nodes, as root; a skipped test is a failure
	CNILAB_REQUIRE_LINUX=1 CNILAB_REFERENCE=$(CURDIR)/bin/reference $(GO) test -count=1 -v -run '$(CLIENTS)' ./cmd/bridge >bin/clients.log 2>&1; \
		status=$$?; grep -E '^(ok|FAIL|panic:)|^ *--- (PASS|FAIL|SKIP)|^ +[a-z_]+_test.go' bin/clients.log; test $$status = 0
	@! grep -e '--- SKIP' bin/clients.log

# Each boots a kernel, which has one processor: two at a time.
uml: ## run laws and scenarios on a second real kernel, User Mode Linux (Debian's user-mode-linux), as any user
	$(GO) build -o bin/ ./cmd/cnilab ./kernel/linux/uml/umlrun
	$(MAKE) --no-print-directory -j2 uml-laws uml-scenarios uml-requests
	CNILAB_REQUIRE_UML=1 $(GO) test -count=1 -run UML ./kernel/linux/uml/... ./cmd/cnilab

# What is skipped is known to differ, by name: kernel/linux/differs_test.go. The kernel has one processor: few tests at a
# time, whose probes would else not be answered in time, and not the one that keeps it busy with dumps.
uml-laws:
	CNILAB_REQUIRE_LINUX=1 $(GO) test -count=1 -parallel 3 -timeout 8m -v -exec $(CURDIR)/bin/umlrun \
		-skip '^(TestLawsTraced|TestAnswers|TestDumpsAreWhole)$$' ./kernel/linux >bin/uml.log 2>&1; \
		status=$$?; grep -E '^(ok|FAIL|panic:|umlrun:)|--- FAIL|^ +[a-z_]+.go:[0-9]+: ' bin/uml.log; \
		echo "laws and tests on uml: $$(grep -c -e '--- PASS' bin/uml.log) passed," \
			"$$(grep -c -e '--- FAIL' bin/uml.log) failed, $$(grep -c -e '--- SKIP' bin/uml.log) differ or are lacking"; \
		test $$status = 0

uml-scenarios: build
	timeout 1200 bin/cnilab test --backend=uml -j 4

# What the plugin asks of the kernel in all scenarios, one request after the other, there and in the simulation of it; and
# the plugin's tests of VLANs, which that kernel knows.
uml-requests:
	CNILAB_REQUIRE_LINUX=1 $(GO) test -count=1 -run '^TestPluginsRequestsOnBothKernels$$' -exec $(CURDIR)/bin/umlrun ./harness/lockstep
	CNILAB_REQUIRE_LINUX=1 $(GO) test -count=1 -run 'VLAN|Filter' -exec $(CURDIR)/bin/umlrun ./plugin

# Many at a time: they wait for Linux to settle, nearly all of the time. UML=1 asks User Mode Linux instead, RECORD=1
# records what is answered, and LAWS=vlan/ asks some laws only.
laws: ## ask this kernel all laws, and compare with what was recorded of it ("make laws RECORD=1", "make laws UML=1")
	$(if $(UML),$(GO) build -o bin/ ./kernel/linux/uml/umlrun)
	$(if $(UML),UMLRUN_WRITABLE=$(CURDIR)/kernel/kerneltest/answers) $(GO) test -count=1 \
		-parallel 32 $(if $(UML),-timeout 15m -exec $(CURDIR)/bin/umlrun) \
		./kernel/linux -run '^TestAnswers$$' -answers -laws '$(LAWS)' $(if $(RECORD),-record)
	$(GO) test -count=1 ./kernel/kerneltest -run Recorded

# A seed gives the same operations each time; the log is what sim/FIDELITY.md tells of.
OPS     ?= 20000
SEED    ?= 1
AGAINST ?= linux

fidelity: build ## ask the simulation and a kernel the same at random, log it, and write sim/FIDELITY.md anew (OPS, SEED, AGAINST)
	bin/cnilab fidelity --against=$(AGAINST) --ops $(OPS) --seed $(SEED) --log sim/lockstep.jsonl
	$(GO) test ./cmd/cnilab -run TestFidelityPage -update

# The plugins that ours are compared with.
bin/reference/bridge:
	GOBIN=$(CURDIR)/bin/reference $(GO) install \
		$(REFERENCE)/main/bridge@$(REFERENCE_VERSION) $(REFERENCE)/main/loopback@$(REFERENCE_VERSION) \
		$(REFERENCE)/ipam/host-local@$(REFERENCE_VERSION) $(REFERENCE)/ipam/static@$(REFERENCE_VERSION)

# Published ports, as runtimes chain them behind the bridge.
bin/reference/portmap:
	GOBIN=$(CURDIR)/bin/reference $(GO) install $(REFERENCE)/meta/portmap@$(REFERENCE_VERSION)

# What speaks to containerd as the kubelet does.
bin/reference/crictl:
	GOBIN=$(CURDIR)/bin/reference $(GO) install -trimpath -ldflags '$(LDFLAGS)' sigs.k8s.io/cri-tools/cmd/crictl@v1.34.0

# The last release with flannel's plugin, which has had a project of its own since.
bin/reference/flannel:
	GOBIN=$(CURDIR)/bin/reference $(GO) install $(REFERENCE)/meta/flannel@v0.9.1

lint: ## check formatting, vet and staticcheck, Kubernetes' manifest, and that the code builds on other systems
	@unformatted="$$($(GO) tool gofumpt -l .)"; test -z "$$unformatted" || { echo "gofumpt would change: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -tags kubernetes ./cmd/bridge/deploy
	$(GO) build -o bin/ ./harness/elsewhere
	bin/elsewhere darwin/arm64 ./...
	bin/elsewhere windows/amd64 ./...
	bin/elsewhere js/wasm ./kernel ./sim/...

# Copies of all programs are measured, as there are on a node: what a linker has written by mmap is in the kernel's memory page
# by page, and so mapped into a process more slowly, by a tenth of an ADD. Ours has the names that it has on a node. The
# simulation's figures are those of its benchmarks.
bench: build bin/reference/bridge ## measure the speed targets beside the reference and the kernel, as root, and write harness/BENCH.md (ROUNDS, ROWS)
	rm -rf bin/bench
	mkdir -p bin/bench/ours bin/bench/reference
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/bench/linked/ ./harness/bench/...
	$(GO) test -c -o bin/bench/sim.test ./sim
	cp bin/bench/linked/* bin/bench/
	cp bin/bridge bin/bench/ours/ && ln bin/bench/ours/bridge bin/bench/ours/host-local
	cp bin/reference/bridge bin/reference/host-local bin/bench/reference/
	bin/bench/targets -rounds $(ROUNDS) -rows '$(ROWS)'

build: ## make bin/bridge (the plugin) and bin/cnilab (the testbed), static and stripped
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/bridge ./cmd/cnilab

update: ## write the generated pages and golden files anew
	$(GO) test ./cmd/cnilab ./harness ./harness/scenario ./scenarios -update

clean: ## delete what was built
	rm -rf bin
