# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# build.mk - builds one configuration: compiles, then hands over to scripts/image.py. Called by the Makefile.
#
# D: the configuration's folder, with the config.mk that scripts/kconfig.py wrote. O: the build folder.
# Invariant: what lies in $(O)/obj/<component>/ does not depend on placement, platform or backend, so every configuration
# shares it. The trusted code may; its folder carries a hash of its options.

include $(D)/config.mk

Q := $(if $(filter-out 0,$(V)),,@)
say = $(if $(Q),@printf '  %-7s %s\n' $(1) $(patsubst $(O)/%,%,$(2));)
empty :=
comma := ,
space := $(empty) $(empty)
upper = $(shell printf %s '$(1)' | tr 'a-z-' 'A-Z_')

CC := gcc
LD := ld
AR := ar

PLATFORM := $(if $(CONFIG_PLATFORM_PC),pc,host)
BACKEND := $(if $(CONFIG_BACKEND_NONE),none,mpk)

# ---- flags

compiler-include := $(shell $(CC) -print-file-name=include)
# What the compiler itself calls (128-bit division); members are linked per domain, like lib.
compiler-runtime := $(shell $(CC) -print-libgcc-file-name)
# -fbuiltin: the compiler may expand memcpy of a few bytes again, which -ffreestanding forbids: a tenth of the instructions of a GET.
common-flags := -std=gnu11 -O2 -g -ffreestanding -fbuiltin -fPIE -fvisibility=hidden -include core/include/hidden.h \
	-mgeneral-regs-only -mno-red-zone -fno-omit-frame-pointer -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -fno-common -fno-strict-aliasing \
	-ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(O)=./build
strict-flags := -Wall -Wextra -Werror
# No system headers: a component sees the tree and what its compiler brings.
private-includes := -nostdinc -isystem $(compiler-include) -Icore/include -Ishared-heap -Ilib
# Ahead of these, for what the heap's mode decides: a component must not know it.
heap-includes := $(if $(CONFIG_SHARED_HEAP_STRICT),-Ishared-heap/strict)
assembler-flags := -g -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(O)=./build -Icore/include -Icore/gates -Wa,--noexecstack

# A variant is a file. Words after the first '_' of its name that say platform, backend or option must fit.
heap-mode := $(if $(CONFIG_SHARED_HEAP_STRICT),strict,shared)
options := $(PLATFORM) $(BACKEND) $(heap-mode) \
	$(if $(CONFIG_TEST_STEP),step,nostep) $(if $(CONFIG_TEST_PROBE),probe,noprobe) \
	$(if $(CONFIG_RECOVERY),recover,norecover) $(if $(CONFIG_FAULT_INJECTION),inject)
variants := host pc mpk none shared strict step nostep probe noprobe recover norecover inject
words-of = $(wordlist 2,99,$(subst _,$(space),$(basename $(notdir $(1)))))
fits = $(if $(filter-out $(options),$(filter $(variants),$(call words-of,$(1)))),,$(1))
pick = $(foreach file,$(1),$(call fits,$(file)))

# ---- components: variables from their Makefiles (domains/template/Makefile documents them)

component-makefiles := $(sort $(wildcard domains/*/Makefile drivers/*/Makefile tests/components/*/Makefile bench/components/*/Makefile))
components :=
define read-component
components-before := $$(components)
include $(1)
$$(foreach name,$$(filter-out $$(components-before),$$(components)),$$(eval $$(name)-dir ?= $(patsubst %/Makefile,%,$(1))))
endef
$(foreach makefile,$(component-makefiles),$(eval $(call read-component,$(makefile))))

define complete-component
$(1)-kconfig := $(call upper,$(1))
$(1)-header ?= $$($(1)-dir)/$(1).h
$(1)-provides ?= $(1)
$(1)-lock ?= serial
endef
$(foreach name,$(components),$(eval $(call complete-component,$(name))))
enabled := $(sort $(foreach name,$(components),$(if $(CONFIG_$($(name)-kconfig)),$(name))))

# Header folders of a component or interface, whoever provides it: must not depend on the configuration.
providers = $(strip $(foreach name,$(components),$(if $(filter $(1),$(name) $($(name)-provides)),$(name))))
header-dirs = $(sort $(patsubst %/,%,$(dir $(foreach name,$(call providers,$(1)),$($(name)-header)))))
header-flags = $(addprefix -I,$(foreach use,$(1),$(call header-dirs,$(use))))

define check-component
$$(foreach use,$$($(1)-uses),$$(if $$(call providers,$$(use)),,$$(error $(1) ($$($(1)-dir)/Makefile) uses '$$(use)', which no component is or provides)))
$$(if $$(strip $$($(1)-src) $$($(1)-extsrc)),,$$(error $(1): $$($(1)-dir)/Makefile sets no $(1)-src))
$$(foreach source,$$($(1)-extsrc),$$(if $$(wildcard $$(source)),,$$(error $(1) needs $$(source), which is not there; run scripts/setup.sh $$(O))))
endef
$(foreach name,$(enabled),$(eval $(call check-component,$(name))))

.DEFAULT_GOAL := $(D)/cloister.elf
.DELETE_ON_ERROR:
.PHONY: FORCE
FORCE:

# Rewrites $@ only when its contents change, so that changed flags recompile and unchanged ones do not.
keep-flags = $(Q)mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' >$@

# compile-rule: object, source, flags file, flags variable
define compile-rule
$(1): $(2) $(3)
	@mkdir -p $$(@D)
	$$(call say,$(if $(filter %.S,$(2)),AS,CC),$(2))$$(CC) $$($(4)) -MMD -MP -MF $$(@:.o=.d) -c $(2) -o $$@
-include $(1:.o=.d)
endef

# ---- rules of one component

outside = $(patsubst $(O)/sources/%,%,$(1))
define component-rules
$(1)-flags := $$(common-flags) $$(strict-flags) $$(private-includes) -I$$($(1)-dir) $$(addprefix -I,$$($(1)-include)) \
	$$(call header-flags,$(1) $$($(1)-provides) $$($(1)-uses)) $$($(1)-cflags)
$(1)-extflags := $$(filter-out $$(strict-flags),$$($(1)-flags)) -w
$(1)-asflags := $$(assembler-flags) -I$$($(1)-dir)
$$(O)/obj/$(1)/flags: FORCE
	$$(call keep-flags,$$($(1)-flags))
$$(foreach source,$$($(1)-src),$$(eval $$(call compile-rule,$$(O)/obj/$(1)/$$(basename $$(source)).o,$$($(1)-dir)/$$(source),$$(O)/obj/$(1)/flags,$(1)-$$(if $$(filter %.S,$$(source)),asflags,flags))))
$$(foreach source,$$($(1)-extsrc),$$(eval $$(call compile-rule,$$(O)/obj/$(1)/outside/$$(basename $$(call outside,$$(source))).o,$$(source),$$(O)/obj/$(1)/flags,$(1)-extflags)))
$(1)-objects := $$(addprefix $$(O)/obj/$(1)/,$$(addsuffix .o,$$(basename $$($(1)-src)) $$(addprefix outside/,$$(basename $$(foreach source,$$($(1)-extsrc),$$(call outside,$$(source)))))))
$$(eval $$(call object-rule,$$(O)/obj/$(1).o,$$($(1)-objects)))
endef

# ld -r of the objects, and the signatures of its global functions from DWARF beside it.
define object-rule
$(1): $(2) scripts/dwarf.py
	$$(call say,LD,$$@)$$(LD) -r $(3) -o $$@ $(2) && $$(PYTHON) scripts/dwarf.py $$@ $$(@:.o=.json)
endef

# ---- lib and the heap's client side: archives, linked per domain

lib-src := $(wildcard lib/*.c lib/*.S)
lib-uses := time console entropy
heap-src := $(call pick,$(wildcard shared-heap/client*.c shared-heap/strict/client*.c))
shared-flags := $(common-flags) $(strict-flags) $(private-includes) $(call header-flags,$(lib-uses))
heap-flags := $(heap-includes) $(shared-flags)
heap-objects := $(O)/obj/heap-$(heap-mode)
$(O)/obj/lib/flags: FORCE
	$(call keep-flags,$(shared-flags))
$(heap-objects)/flags: FORCE
	$(call keep-flags,$(heap-flags))
shared-asflags := $(assembler-flags)
$(foreach source,$(lib-src),$(eval $(call compile-rule,$(O)/obj/lib/$(basename $(notdir $(source))).o,$(source),$(O)/obj/lib/flags,shared-$(if $(filter %.S,$(source)),asflags,flags))))
$(foreach source,$(heap-src),$(eval \
	$(call compile-rule,$(heap-objects)/$(basename $(notdir $(source))).o,$(source),$(heap-objects)/flags,heap-flags)))
archive-objects = $(addprefix $(1)/,$(addsuffix .o,$(basename $(notdir $(2)))))
heap-archive := $(O)/obj/libxheap-$(heap-mode).a
$(O)/obj/liblib.a: $(call archive-objects,$(O)/obj/lib,$(lib-src))
$(heap-archive): $(call archive-objects,$(heap-objects),$(heap-src))
$(O)/obj/lib%.a:
	$(call say,AR,$@)rm -f $@; $(AR) rcsD $@ $^

# ---- the trusted code: objects keyed by its options

core-key := $(PLATFORM)-$(BACKEND)-$(shell cksum <$(D)/autoconf.h | cut -d' ' -f1)
core-objects := $(O)/obj/core-$(core-key)
monitor-uses := sched time
# A file of the strict mode stands for one of the same name.
monitor-heap-src := $(wildcard shared-heap/monitor*.c)
ifeq ($(heap-mode),strict)
monitor-heap-src := $(wildcard shared-heap/strict/monitor*.c)
monitor-heap-src += $(filter-out $(subst /strict/,/,$(monitor-heap-src)),$(wildcard shared-heap/monitor*.c))
endif
monitor-src := $(call pick,$(sort $(wildcard core/monitor/*.c core/monitor/*.S $(monitor-heap-src))))
nucleus-src := $(call pick,$(sort $(wildcard core/nucleus/common/*.c core/nucleus/common/*.S core/nucleus/$(PLATFORM)/*.c core/nucleus/$(PLATFORM)/*.S))) \
	$(if $(filter pc,$(PLATFORM)),$(call pick,$(wildcard core/gates/resume_pc_*.S)) core/monitor/symbols.c)
monitor-flags := $(common-flags) $(strict-flags) $(heap-includes) $(private-includes) \
	-I$(core-objects) -Icore/monitor $(call header-flags,$(monitor-uses))
# The hosted nucleus speaks to Linux: it alone sees the system's headers (for numbers and structs; it links no libc).
nucleus-flags := $(common-flags) $(strict-flags) $(if $(filter pc,$(PLATFORM)),$(private-includes),-Icore/include -Ishared-heap -Ilib) \
	-I$(core-objects) -Icore/nucleus/$(PLATFORM) -Icore/nucleus/common $(if $(filter pc,$(PLATFORM)),-Icore/monitor)
monitor-asflags := $(assembler-flags) -I$(core-objects) -Icore/monitor
nucleus-asflags := $(assembler-flags) -I$(core-objects) -Icore/nucleus/$(PLATFORM) -Icore/nucleus/common

$(core-objects)/autoconf.h: $(D)/autoconf.h
	@mkdir -p $(@D)
	@cmp -s $< $@ || cp $< $@
# core-rules: monitor or nucleus
define core-rules
$$(core-objects)/$(1)/flags: FORCE
	$$(call keep-flags,$$($(1)-flags))
$$(foreach source,$$($(1)-src),$$(eval $$(call compile-rule,$$(core-objects)/$(1)/$$(basename $$(notdir $$(source))).o,$$(source),$$(core-objects)/$(1)/flags,$(1)-$$(if $$(filter %.S,$$(source)),asflags,flags))))
$(1)-objects := $$(addprefix $$(core-objects)/$(1)/,$$(addsuffix .o,$$(basename $$(notdir $$($(1)-src)))))
$$($(1)-objects): | $$(core-objects)/autoconf.h
$$(eval $$(call object-rule,$$(core-objects)/$(1).o,$$($(1)-objects),$$($(1)-ldflags)))
endef
# core/monitor/inject_inject.c stands in front of these when the option is on; when it is off they know nothing of it.
monitor-ldflags := $(if $(CONFIG_FAULT_INJECTION),--wrap=threads_tick --wrap=monitor_probe)
$(eval $(call core-rules,monitor))
$(eval $(call core-rules,nucleus))

$(foreach name,$(enabled),$(eval $(call component-rules,$(name))))

# ---- the manifest: everything that scripts/image.py needs to know, as JSON

strings = [$(subst $(space),$(comma) ,$(patsubst %,"%",$(strip $(1))))]
setting = $(CONFIG_$($(1)-kconfig)_$(2))
define component-json
{"name": "$(1)", "dir": "$($(1)-dir)", "object": "$(O)/obj/$(1).o", "headers": $(call strings,$($(1)-header)),
 "provides": "$($(1)-provides)", "uses": $(call strings,$($(1)-uses)), "lock": "$($(1)-lock)", "devices": $(call strings,$($(1)-devices)),
 "include": $(call strings,$($(1)-dir) $(call header-dirs,$(1) $($(1)-provides)) $(foreach use,$($(1)-uses),$(call header-dirs,$(use))) $($(1)-include)),
 "depfiles": $(call strings,$($(1)-objects:.o=.d)),
 "domain": "$(or $(call setting,$(1),DOMAIN),$(1))", "gate": "$(if $(call setting,$(1),GATE_LIGHT),light,full)",
 "stack_kib": $(or $(call setting,$(1),STACK_KIB),16), "heap_kib": $(or $(call setting,$(1),HEAP_KIB),0),
 "shared_kib": $(or $(call setting,$(1),SHARED_KIB),0), "shared_objects": $(or $(call setting,$(1),SHARED_OBJECTS),0)}
endef
disabled-json = {"name": "$(1)", "headers": $(call strings,$($(1)-header)), "provides": "$($(1)-provides)"}
define newline


endef
define manifest-json
{"name": "$(notdir $(D))", "out": "$(D)", "platform": "$(PLATFORM)", "backend": "$(BACKEND)", "root": "$(CURDIR)", "build": "$(O)",
"count": $(if $(CONFIG_GATE_COUNT),true,false), "probe": $(if $(CONFIG_TEST_PROBE),true,false), "floor": $(if $(CONFIG_BENCH_FLOOR),true,false),
"inject": $(if $(CONFIG_FAULT_INJECTION),true,false), "origins": $(if $(CONFIG_XHEAP_ORIGINS),true,false), "strict": $(if $(CONFIG_SHARED_HEAP_STRICT),true,false),
"compile": $(call strings,$(CC) $(common-flags) $(strict-flags) $(heap-includes) $(private-includes)),
"assemble": $(call strings,$(CC) $(assembler-flags)),
"compiler_include": "$(compiler-include)",
"archives": $(call strings,$(O)/obj/liblib.a $(heap-archive) $(compiler-runtime)),
"disabled": [$(foreach name,$(filter-out $(enabled),$(components)),$(call disabled-json,$(name))$(comma)){}],
"monitor": {"object": "$(core-objects)/monitor.o", "gate": "$(if $(CONFIG_MONITOR_GATE_LIGHT),light,full)", "stack_kib": $(CONFIG_MONITOR_STACK_KIB), "heap_kib": $(CONFIG_MONITOR_HEAP_KIB)},
"nucleus": {"object": "$(core-objects)/nucleus.o"},
"components": [
$(subst $(newline)$(newline),$(comma)$(newline),$(foreach name,$(enabled),$(call component-json,$(name))$(newline)$(newline))){}]}
endef
$(file >$(D)/manifest.json.new,$(manifest-json))
$(shell cmp -s $(D)/manifest.json.new $(D)/manifest.json && rm $(D)/manifest.json.new || mv $(D)/manifest.json.new $(D)/manifest.json)

image-scripts := $(addprefix scripts/,image.py gategen.py prototypes.py stubs.py tables.py layout.py verify.py symbols.py objects.py gdb/cloister-gdb.py)
public-headers := $(wildcard core/include/*.h shared-heap/*.h shared-heap/strict/*.h) \
	$(foreach name,$(enabled),$($(name)-header))
$(D)/cloister.elf: $(foreach name,$(enabled),$(O)/obj/$(name).o) $(core-objects)/monitor.o $(core-objects)/nucleus.o \
		$(O)/obj/liblib.a $(heap-archive) $(D)/manifest.json $(image-scripts) $(public-headers) $(wildcard core/gates/*)
	$(call say,IMAGE,$@)$(PYTHON) scripts/image.py $(if $(Q),,--verbose) $(D)/manifest.json$(if $(filter pc,$(PLATFORM)), && $(PYTHON) scripts/privileged.py $(core-objects)/nucleus)
