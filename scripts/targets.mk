# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# targets.mk - what one does with a built system: run, look at, demo, test, benchmarks. Included by the Makefile.
#
# Invariant: each of these works in a fresh clone; scripts/setup.sh installs what is missing and is quick when nothing is.
# Everything that they make lands in $(O).

.PHONY: setup run debug iso domains graph demo demo-faults chaos test bench bench-micro bench-redis bench-copies bench-boot bench-recovery

setup:
	@scripts/setup.sh $(O)

# Without CONFIG and without a configured $(O)/.config, the isolated configuration is booted.
run-config = $(or $(CONFIG),$(if $(wildcard $(O)/.config),,separate))

# Platform pc is started by another script, which takes MACHINE, ACCEL and BOOT. Used where the image's folder is known.
pc-options = $(if $(MACHINE),--machine $(MACHINE)) $(if $(ACCEL),--accel $(ACCEL)) $(if $(BOOT),--boot $(BOOT)) $(if $(MEMORY),--memory $(MEMORY)) $(if $(PORT),--port $(PORT))

# ARGS: further boot arguments (key=value). PORT: where clients reach the server.
run: setup
	@$(MAKE) all CONFIG=$(run-config)
	@image="`$(MAKE) -s image-path CONFIG=$(run-config)`"; case "$$image" in \
	*-pc/cloister.elf) $(PYTHON) scripts/pc.py run $(pc-options) "$$image" $(ARGS) ;; \
	*) $(PYTHON) scripts/run.py $(if $(PORT),--port $(PORT)) "$$image" $(ARGS) ;; esac

# The same under gdb, which knows domains, threads and gates; it explains itself.
debug: setup
	@$(MAKE) all CONFIG=$(run-config)
	@image="`$(MAKE) -s image-path CONFIG=$(run-config)`"; case "$$image" in \
	*-pc/cloister.elf) $(PYTHON) scripts/pc.py debug $(pc-options) "$$image" $(ARGS) ;; \
	*) $(PYTHON) scripts/debug.py "$$image" ;; esac

# A CD image that GRUB boots, on BIOS and UEFI; ARGS become part of it.
iso: setup
	@$(MAKE) all CONFIG=$(run-config) PLATFORM=pc
	@$(PYTHON) scripts/pc.py iso "`$(MAKE) -s image-path CONFIG=$(run-config) PLATFORM=pc`" $(ARGS)

.PHONY: image-path
image-path:
	@folder=`$(KCONFIG_SCRIPT) folder $(select)` || exit 2; echo "$$folder/cloister.elf"

# The partition of the selected configuration, as a table and as a picture beside the image.
domains graph: setup
	@$(MAKE) all CONFIG=$(run-config) >/dev/null
	@$(PYTHON) scripts/partition.py $@ "$$(dirname "`$(MAKE) -s image-path CONFIG=$(run-config)`")"

# What is measured, and by what: PLATFORM=host|pc; ACCEL=tcg|kvm, on pc.
bench-options = $(if $(PLATFORM),--platform $(PLATFORM)) $(if $(ACCEL),--accel $(ACCEL))

demo: setup
	@$(PYTHON) scripts/demo.py $(bench-options)

# SEED: another one breaks others in another way.
demo-faults: setup
	@$(PYTHON) scripts/demo_faults.py $(bench-options) $(if $(SEED),--seed $(SEED))

# COUNT requests to go wrong, RATE a second, drawn from SEED.
chaos: setup
	@$(PYTHON) scripts/chaos.py $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE))

# TESTS: names of groups, for example TESTS="unit boot".
test: setup
	@$(PYTHON) scripts/test.py $(TESTS)

bench-micro: setup
	@$(PYTHON) bench/micro/micro.py $(bench-options)

# What somebody's own configuration costs a Redis client, beside monolith. Without one it says how to make it.
bench: setup
	@folder="`$(MAKE) -s image-path`" && $(PYTHON) bench/redis/redis_bench.py $(bench-options) $(or $(CONFIG),$(O)/.config)

# CONFIG: names of configurations, all when there is none. BENCH_SECONDS: how long to measure over each path.
bench-redis: setup
	@$(PYTHON) bench/redis/redis_bench.py $(bench-options) $(CONFIG)

# How often each byte of a value is copied between device and value store.
bench-copies: setup
	@$(PYTHON) bench/redis/copies.py $(bench-options) $(CONFIG)

# How soon, and in how little memory, a virtual machine serves; with a Linux guest beside it. Fetches Debian's cloud kernel.
bench-boot: setup
	@$(PYTHON) bench/boot/boot_bench.py $(if $(MACHINE),--machine $(MACHINE)) $(if $(ACCEL),--accel $(ACCEL))

# How long a component is away when it faults, and what crashes cost a server. ROUNDS=, PARTS="away load reload readiness".
bench-recovery: setup
	@$(PYTHON) bench/recovery/recovery_bench.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(PARTS)
