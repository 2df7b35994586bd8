# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# Makefile - the front end: which configuration, in which folder. scripts/build.mk builds it; docs/build.md says how.
#
#   make separate_defconfig && make          through build/.config
#   make CONFIG=separate [PLATFORM=pc] [FRAGMENTS="a.config b.config"]     without touching build/.config

O ?= build
# Nothing here survives a blank in a path: make splits at it.
ifneq ($(words $(O) $(CURDIR)),2)
$(error the build folder (O='$(O)') and the folder of this tree ('$(CURDIR)') must each be one path without blanks; move the tree, or choose another O=)
endif
override O := $(abspath $(O))
V ?= 0
Q := $(if $(filter-out 0,$(V)),,@)
PYTHON := /usr/bin/python3 -B
MAKEFLAGS += --no-builtin-rules --no-print-directory
export O V PYTHON

KCONFIG_SCRIPT := $(PYTHON) scripts/kconfig.py
export KCONFIG_CONFIG := $(O)/.config

# What the command line selects; scripts/kconfig.py turns it into a folder with a .config and prints the folder.
select := --out $(O) $(if $(CONFIG),--config $(CONFIG)) $(if $(PLATFORM),--platform $(PLATFORM)) $(addprefix --fragment ,$(FRAGMENTS))

.DEFAULT_GOAL := all
.PHONY: all help clean menuconfig olddefconfig savedefconfig randconfig compile_commands.json FORCE

# One build at a time in one O: configurations share the objects of the components.
all:
	@mkdir -p $(O)
	@folder=`$(KCONFIG_SCRIPT) prepare $(select)` || exit 2; \
	flock $(O)/.lock $(MAKE) -f scripts/build.mk O=$(O) D="$$folder"

%_defconfig: FORCE
	@mkdir -p $(O)
	@$(KCONFIG_SCRIPT) defconfig $(select) configs/$@
	@echo "  WROTE   $(O)/.config"

menuconfig olddefconfig: FORCE
	@mkdir -p $(O)
	@$(PYTHON) -m $@ Kconfig

savedefconfig: FORCE
	@[ -e $(O)/.config ] || { echo 'config: $(O)/.config does not exist, so there is nothing to save; make <name>_defconfig makes one' >&2; exit 2; }
	@$(PYTHON) -m savedefconfig --kconfig Kconfig --out defconfig
	@echo "  WROTE   defconfig"

# SEED: the same one gives the same configuration.
randconfig: FORCE
	@mkdir -p $(O)
	@$(PYTHON) scripts/randconfig.py --out $(O) $(if $(SEED),--seed '$(SEED)')

compile_commands.json: FORCE
	@mkdir -p $(O)
	@folder=`$(KCONFIG_SCRIPT) prepare $(select)` || exit 2; \
	$(MAKE) -f scripts/build.mk O=$(O) D="$$folder" V=1 -nB | $(PYTHON) scripts/compile_commands.py $@
	@echo "  WROTE   $@"

clean:
	$(Q)rm -rf $(O)/obj $(O)/.config $(O)/.config.old $(O)/.lock
	$(Q)for image in $(O)/*/manifest.json; do [ ! -e "$$image" ] || rm -rf "$${image%/*}"; done

help:
	@echo 'Configure (O=$(O)):'
	@echo '  make <name>_defconfig    O/.config from configs/<name>_defconfig'
	@echo '  make menuconfig          change O/.config; each option says what it buys and costs'
	@echo '  make olddefconfig        complete O/.config with the defaults of new options'
	@echo '  make savedefconfig       write ./defconfig: what of O/.config differs from the defaults'
	@echo '  make randconfig [SEED=n] a random valid O/.config: placements, gates, sizes, options'
	@echo '  names: $(patsubst %_defconfig,%,$(notdir $(sort $(wildcard configs/*_defconfig))))'
	@echo 'Build:'
	@echo '  make                     the image that O/.config describes: O/<its name>/cloister.elf'
	@echo '  make CONFIG=<name>       configs/<name>_defconfig (or a path), without touching O/.config'
	@echo '  make compile_commands.json    for clangd; takes CONFIG= too'
	@echo '  make clean               remove what was built; O/sources stays'
	@echo 'Use (each sets up and builds what it needs):'
	@echo '  make run [PORT=6379] [ARGS="k=v ..."]   boot it and print the redis-cli command line; Ctrl-C ends it'
	@echo '  make debug               the same under gdb, with ck-domains, ck-threads, ck-gates, ck-pkru'
	@echo '      with PLATFORM=pc both start QEMU: MACHINE=q35|pc|microvm ACCEL=tcg|kvm BOOT=kernel|iso|uefi MEMORY=<MiB>'
	@echo '  make iso [ARGS=...]      platform pc on a CD image, for BIOS and UEFI: O/<its name>-pc/cloister.iso'
	@echo '  make domains             its partition as a table: keys, components, gates, stacks, heaps'
	@echo '  make graph               the same as a picture: O/<its name>/graph.svg'
	@echo '      run, debug, domains, graph take O/.config, or CONFIG=; with neither they take separate'
	@echo '  make bench               what O/.config costs a Redis client, beside monolith; or CONFIG=<name>'
	@echo '  make demo                what isolation costs a Redis client: monolith, net apart, separate; where host cannot'
	@echo '                           run, and with PLATFORM=pc, it counts instructions under QEMU instead'
	@echo '  make demo-faults         one component after another is broken under load, and heals; SEED=, PLATFORM=pc'
	@echo '  make bench-micro         what one gate costs, in cycles; PLATFORM=pc: in instructions, or with ACCEL=kvm in cycles'
	@echo '  make bench-redis         what each placement costs a Redis client; CONFIG="monolith net" BENCH_SECONDS=60 shorten it;'
	@echo '                           PLATFORM=pc and ACCEL=kvm as above'
	@echo '  make bench-copies        how often each byte of a value is copied, by domain; CONFIG= and PLATFORM= as above'
	@echo '  make bench-boot          how soon, and in how little memory, platform pc serves; a Linux guest beside it (MACHINE=, ACCEL=)'
	@echo '  make bench-recovery      how long a component is away when it faults, and what crashes cost a server; ROUNDS=, PARTS=away'
	@echo '  make chaos               random faults under load, with a client that checks every reply; COUNT=10000 SEED=1 RATE=40'
	@echo '  make test [TESTS="unit boot"]    all test groups, or some; the last line counts'
	@echo '  make setup               install the missing packages and fetch the pinned sources'
	@echo 'Variables: O=<folder> (default build)  V=1 (show commands)  CONFIG=<name or path>'
	@echo '  PLATFORM=host|pc  FRAGMENTS="a.config ..." (on top of the configuration)'

FORCE:

-include scripts/targets.mk
