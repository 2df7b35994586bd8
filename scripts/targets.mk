# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors

# targets.mk - what one does with a built system: run, demo, test, bench-micro. Included by the Makefile.
#
# Invariant: each of these works in a fresh clone; scripts/setup.sh installs what is missing, and is quick when nothing is.
# CONFIG chooses the configuration that `make run` boots. Everything lands in $(O).

TARGETS_PYTHON := /usr/bin/python3 -B
TARGETS_ENVIRONMENT := env O=$(abspath $(O))

.PHONY: run demo test bench-micro setup

setup:
	@scripts/setup.sh

# BOOT: further boot arguments, for example BOOT="exit=thread".
run: setup
	@$(MAKE) --no-print-directory all
	@$(TARGETS_ENVIRONMENT) $(TARGETS_PYTHON) scripts/run.py $(O)/$(CONFIG)/cloister.elf $(BOOT)

demo: setup
	@$(TARGETS_ENVIRONMENT) $(TARGETS_PYTHON) scripts/demo.py

# TESTS: names of groups, for example TESTS="unit boot".
test: setup
	@$(TARGETS_ENVIRONMENT) $(TARGETS_PYTHON) scripts/test.py $(TESTS)

bench-micro: setup
	@$(TARGETS_ENVIRONMENT) $(TARGETS_PYTHON) bench/micro/micro.py
