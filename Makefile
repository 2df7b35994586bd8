# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# Makefile - the front end: which configuration, in which folder. scripts/build.mk builds it; docs/build.md says how.
#
#   make separate_defconfig && make          through build/.config
#   make CONFIG=separate [PLATFORM=pc] [FRAGMENTS="a.config b.config"]     without touching build/.config

O ?= build
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

# The image that the command line selects, for scripts/targets.mk; expanded only when used.
IMAGE = $(shell $(KCONFIG_SCRIPT) folder $(select))/cloister.elf

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
	@echo 'Configure:'
	@echo '  make <name>_defconfig    $(O)/.config from configs/<name>_defconfig: $(notdir $(wildcard configs/*_defconfig))'
	@echo '  make menuconfig          change it; make olddefconfig: complete it; make savedefconfig: write ./defconfig'
	@echo '  make randconfig [SEED=n] a random valid $(O)/.config: placements, gates, sizes, options'
	@echo 'Build:'
	@echo '  make                     the image that $(O)/.config describes: $(O)/<name>/cloister.elf'
	@echo '  make CONFIG=<name>       configs/<name>_defconfig (or a path), without touching $(O)/.config'
	@echo '       PLATFORM=pc         the bare-metal platform; FRAGMENTS="a.config ..." on top; O=<folder>; V=1'
	@echo '  make compile_commands.json, make clean'
	@echo 'Use (each sets up what it needs):'
	@echo '  make run [CONFIG=...]    boot it; make demo; make test [TESTS=...]; make bench-micro, bench-redis'

FORCE:

-include scripts/targets.mk
