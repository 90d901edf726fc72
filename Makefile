# Mtric. "make" alone lists the targets.
SHELL := /bin/bash
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
EXHAUSTIVE := github.com/nishanths/exhaustive/cmd/exhaustive@v0.17.1
VERSION ?= 1.0.0-dev
RACE := $(shell command -v gcc >/dev/null 2>&1 && echo -race)
# With the race detector all takes ten times as long. So -short draws fewer cases; of the packages with many tests, and
# of those that only hand rows to others at once, those tests run that drive what is concurrent; of the others those
# that start something at once, in the program or in its tests, run whole but for the slow ones. What starts nothing is left out.
STARTING := $(shell grep -rlE --include='*.go' '^[[:space:]]*go [a-z]|[.]Go\b' engine metrics | xargs -n 1 dirname | sort -u)
LARGE := engine/alert engine/comparison engine/export engine/ingest engine/lab engine/lake engine/report engine/simulate engine/survey metrics metrics/correctness
CONCURRENT := TestABacklog|TestSmallCrowd|TestManyWriters|TestRelay$$|TestPublication$$|TestFilesBecome|TestPortions|TestJudgedAgain|TestMergeInAnyOrder|TestScan|TestBatches|TestSnapshotsAtOnce|TestExportGolden|TestExportEnds|TestWeek|TestSurveyIsTrue|TestWires$$|TestFaults$$|TestStopped|TestLock|TestJudgeIsShared|TestOrderDoesNotMatter|TestComputedAgain|TestTransfer|TestThirteen|TestZonesChange|TestSeveralQueries|TestTwoSystems|TestCloseWithWork|TestTLS$$|TestSameSeed|TestImpostor|TestDelays
SLOW := TestKilled|TestTryASecondOpinion|TestSecondOpinionSays|TestZonesComeInAnyOrder|TestZoneFetchKilled|TestDemoForPeople|TestVerify|TestEveryCommandTakesGoldenLakes/^schema_[12]$$|TestScripts/^(alerts|backtest|c-root|comparison|demo|derive|import-atlas|kinds|late|plan|push|rebuild|rehearse|report|rules|simulate|site|survey|survey-measured|usage|watch|zone|zone-fetch)$$|TestFetchGenuineZones|TestRealZones
FUZZTIME ?= 20s
SCRIPTS := $(shell git ls-files '*.sh' .ci/run ansible/roles/collector/files/mtric-publish 2>/dev/null)

.PHONY: help build demo test test-system test-deploy lint fuzz bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

build: ## build bin/mtric
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X mtric.net/mtric/engine/cli.Version=$(VERSION)' -o bin/mtric .

demo: build ## the whole system on this machine: no internet, no root
	@bin/mtric demo

test: ## everything that needs neither root nor internet
	@test -n "$$MTRIC_REAL_DATA" || echo "MTRIC_REAL_DATA is not set: the tests over genuine zones, responses and traces are skipped (see CONTRIBUTING.md)"
	@test -n "$(RACE)" || echo "no C compiler: the tests run without the race detector"
	go vet ./...
	go test -vet=off -timeout 15m ./engine/rehearse ./engine/cli ./engine/report ./... # the longest first
	$(if $(RACE),go test -vet=off $(RACE) -short -skip '$(SLOW)' -timeout 15m $(addprefix ./,$(filter-out $(LARGE),$(STARTING))))
	$(if $(RACE),go test -vet=off $(RACE) -short -run '$(CONCURRENT)' -timeout 15m $(addprefix ./,$(LARGE)))

test-system: ## against real NSD, Knot, BIND, scamper, OpenSSH, DuckDB, Spark, Chromium, and the playbooks (Debian, root; installs what it needs)
	testdata/rig/install.sh
	testdata/deploy/install.sh
	@$(MAKE) --no-print-directory -j 2 test-system-rig test-system-deploy

# The playbooks wait for machines, and the others for servers: side by side they wait half as long.
.PHONY: test-system-rig test-system-deploy
test-system-rig:
	go test -tags system -count=1 -timeout 35m -p 1 -run 'TestSystem' -v ./engine/rootzone ./metrics/correctness ./engine/cli ./engine/report
test-system-deploy:
	go test -tags system -count=1 -timeout 35m -run 'TestDeploy' -v ./engine/cli

test-deploy: ## the playbooks, whole: bare machines, cron at its own times, a power cut, the runbook (Debian, root; an hour)
	testdata/rig/install.sh
	testdata/deploy/install.sh
	MTRIC_DEPLOY=whole go test -tags system -count=1 -timeout 90m -run 'TestDeploy' -v ./engine/cli

lint: ## gofmt, vet, staticcheck, exhaustive, shellcheck; ansible-lint where it is installed
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	go vet -tags system ./...
	go run $(STATICCHECK) ./...
	go run $(STATICCHECK) -tags system ./...
	GOFLAGS="$$GOFLAGS -tags=system" go run $(EXHAUSTIVE) -check=switch,mapliteral -typeonly '^mtric\.net/mtric/engine/measurement\.' ./...
	shellcheck $(SCRIPTS)
	@if command -v ansible-lint > /dev/null; then cd ansible && ansible-lint && ansible-playbook -i localhost, --syntax-check *_building.yml; \
	else echo "ansible-lint is not installed: the playbooks are not looked at (testdata/deploy/install.sh installs it)"; fi

fuzz: ## each fuzz test for FUZZTIME (20s)
	@set -e; for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzzminimizetime 100x -fuzztime $(FUZZTIME) $$p; done; done

bench: ## the performance targets of docs/architecture.md, as ratios where they are ratios
	go test -run '^$$' -bench . -benchtime 5x ./engine/probe
	go test -run '^$$' -bench 'Start|Ingest|Cron|Pack|Report|Commands' -benchtime 3x -timeout 30m ./engine/cli
	go test -run '^$$' -bench . -benchtime 3x -timeout 30m ./metrics ./engine/simulate
	go test -run '^$$' -bench Backtest -benchtime 1x -timeout 30m ./engine/alert
	go test -run '^$$' -bench . ./metrics/correctness

clean: ## remove what was built
	rm -rf bin
