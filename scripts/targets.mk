# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# targets.mk - what one does with a built system: run, look at, demo, test, bench-micro, bench-redis. Included by the Makefile.
#
# Invariant: each of these works in a fresh clone; scripts/setup.sh installs what is missing and is quick when nothing is.
# Everything that they make lands in $(O).

.PHONY: setup run debug domains graph demo test bench-micro bench-redis

setup:
	@scripts/setup.sh $(O)

# Without CONFIG and without a configured $(O)/.config, the isolated configuration is booted.
run-config = $(or $(CONFIG),$(if $(wildcard $(O)/.config),,separate))

# BOOT: further boot arguments (key=value).
run: setup
	@$(MAKE) all CONFIG=$(run-config)
	@$(PYTHON) scripts/run.py "`$(MAKE) -s image-path CONFIG=$(run-config)`" $(BOOT)

# The same under gdb, which knows domains, threads and gates; it explains itself.
debug: setup
	@$(MAKE) all CONFIG=$(run-config)
	@$(PYTHON) scripts/debug.py "`$(MAKE) -s image-path CONFIG=$(run-config)`"

.PHONY: image-path
image-path:
	@echo $(IMAGE)

# The partition of the selected configuration, as a table and as a picture beside the image.
domains graph: setup
	@$(MAKE) all CONFIG=$(run-config) >/dev/null
	@$(PYTHON) scripts/partition.py $@ "$$(dirname "`$(MAKE) -s image-path CONFIG=$(run-config)`")"

demo: setup
	@$(PYTHON) scripts/demo.py

# TESTS: names of groups, for example TESTS="unit boot".
test: setup
	@$(PYTHON) scripts/test.py $(TESTS)

bench-micro: setup
	@$(PYTHON) bench/micro/micro.py

# CONFIG: names of configurations, all when there is none. BENCH_SECONDS: how long to measure over each path.
bench-redis: setup
	@$(PYTHON) bench/redis/redis_bench.py $(CONFIG)
