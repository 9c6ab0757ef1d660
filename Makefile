# The main commands are `make demo` and `make test`. Both install what they need.

PYTHON ?= python3
CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
SEMQL  := $(TARGET)/release/semql

.PHONY: demo test test-clients test-delta setup llama build cluster delta wheel bench reference docs clean

## Runs the product pipeline on the sample.
demo: build
	@$(SEMQL) demo .

## Set-up, lints and all tests; the last line counts the tests.
test:
	@$(PYTHON) scripts/setup.py
	@$(PYTHON) scripts/test_setup.py $(TARGET)
	@CARGO=$(CARGO) TARGET=$(TARGET) bash scripts/test.sh

## Runs real client programs against `semql serve`: drivers, notebooks, BI tools, dbt. The longer gate.
## ARGS="--write-table" writes the results into docs/clients.md; ARGS="django" runs one.
test-clients: build
	@$(PYTHON) scripts/test_setup.py $(TARGET) debian
	@$(PYTHON) scripts/client_setup.py $(TARGET)
	@$(PYTHON) -B tests/clients/run.py --semql $(SEMQL) --environments $(TARGET)/test-clients $(ARGS)

## Lints and tests of the shell with tables of Delta Lake, whose dependencies are no part of the gate.
test-delta:
	@$(PYTHON) scripts/setup.py
	@$(PYTHON) scripts/test_setup.py $(TARGET) debian lint-tools
	@$(PYTHON) scripts/delta_setup.py $(TARGET)
	@CARGO=$(CARGO) TARGET=$(TARGET) bash scripts/test_delta.sh

## Installs ONNX Runtime and the default model, and verifies them.
setup:
	@$(PYTHON) scripts/setup.py

## Builds llama.cpp's server and fetches a small language model, for the tests that ask one.
llama:
	@$(PYTHON) scripts/llama_server.py $(TARGET)

build:
	$(CARGO) build --release --locked --workspace --bin semql

## Builds the Python package, for `pip install`.
wheel:
	@$(PYTHON) scripts/test_setup.py $(TARGET) python
	@$(PYTHON) scripts/release/build.py wheel --maturin $(TARGET)/python/bin/maturin \
		--python $(TARGET)/python/bin/python --out $(TARGET)/wheels

## Builds the shell with the cluster, beside the smaller one.
cluster:
	$(CARGO) build --release --locked --workspace

## Builds the shell with tables of Delta Lake, beside the smaller one.
delta:
	$(CARGO) build --release --locked --manifest-path delta/Cargo.toml --target-dir $(TARGET)

## Compares semql with other programs in one run; the report is out/bench.md.
bench: setup build
	@mkdir -p out
	$(CARGO) bench --locked --workspace --bench plan | tee out/bench-plan.txt
	$(PYTHON) bench/run.py --semql $(SEMQL) --plan-report out/bench-plan.txt --out out/bench.md

## Writes what docs/ takes from the code, and the outputs of its examples.
reference:
	SEMQL_WRITE_REFERENCE=1 $(CARGO) test --release --locked --workspace --test main -- docs:: the_documentation_lists_every_metric

## Builds the documentation as a site; its first page is index.html of $(TARGET)/book.
docs:
	@$(PYTHON) scripts/test_setup.py $(TARGET) lint-tools
	@sh scripts/book.sh $(TARGET)/lint-tools/mdbook $(TARGET)/book

clean:
	$(CARGO) clean
	rm -rf out
