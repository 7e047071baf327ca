# Plain shortcuts. What decides is .ci/run; CONTRIBUTING.md explains.

.PHONY: test check demo bench shots

STATICCHECK = go tool -modfile=tools/go.mod staticcheck

test: ## all tests, as the README says
	go test ./...

check: ## what a reviewer would otherwise have to say
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	go vet ./...
	$(STATICCHECK) ./...
	go test .

demo: ## a hub and three members, attacked
	go run ./cmd/meneki demo

bench: ## the figures of docs/performance.md
	go run ./bench
	go run ./bench/detect
	go run ./bench/evtx
	go run ./bench/watchlist

shots: ## the screenshots in the README, with a Chromium on this machine
	go run ./bench/shots
