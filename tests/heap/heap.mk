# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# heap.mk - the exchange heap outside an image (heap_system.h), for tests/unit/test_xheap.c and heap_fuzz; part of
# tests/unit/unit.mk.
#
# HEAP_ROOT=<folder> takes shared-heap/ and tests/heap/ from there, with HEAP_OUT=<folder> for the result:
# tests/groups/group_heap.py plants bugs in a copy.

HEAP_ROOT ?= .
HEAP_OUT ?= $(unit)/heap
heap-domains := 2 3 4 5
# The shared mode: the strict one, in a folder of its own, is tested in images.
heap-files = $(patsubst $(HEAP_ROOT)/%.c,$(HEAP_OUT)/%.o,$(wildcard $(HEAP_ROOT)/$(1)))
heap-headers := $(wildcard $(HEAP_ROOT)/shared-heap/*.h $(HEAP_ROOT)/tests/heap/*.h core/include/*.h) \
	tests/heap/heap.mk tests/unit/unit.mk
HEAP_CFLAGS = $(UNIT_CFLAGS) -include tests/heap/map.h \
	-I$(HEAP_ROOT)/shared-heap -iquote $(HEAP_ROOT)/tests/heap \
	-iquote core/monitor $(HEAP_WARNINGS)
heap-system := $(addprefix $(HEAP_OUT)/,monitor.o $(addprefix domain_,$(addsuffix .o,$(heap-domains))) \
	tests/heap/heap_system.o tests/heap/heap_tables.o)
heap-link := -Wl,--wrap=xheap_refill,--wrap=xheap_drain,--wrap=xheap_join,--wrap=xheap_part -no-pie

$(HEAP_OUT)/%.o: $(HEAP_ROOT)/%.c $(heap-headers)
	@mkdir -p $(@D)
	gcc $(HEAP_CFLAGS) $(heap-unsanitized) -c $< -o $@
# Aliases, as in fake.c.
$(HEAP_OUT)/tests/heap/heap_tables.o: heap-unsanitized := -fno-sanitize=all

# A domain: its own copy of the clients, whose variables, zero at boot, get a section of their own, to be zeroed again.
$(HEAP_OUT)/client.o: $(filter-out %/client_origins.o,$(call heap-files,shared-heap/client*.c))
	ld -r $^ -o $@
	objcopy --globalize-symbol=magazines $@

define heap-domain-rule
$(HEAP_OUT)/domain_$(1).o: $(HEAP_ROOT)/tests/heap/domain.c $(HEAP_OUT)/client.o $(heap-headers)
	gcc $(HEAP_CFLAGS) -DHEAP_DOMAIN=$(1) -DHEAP_CLIENT=heap_client_$(1) \
		-DHEAP_STATE_START=__start_state_$(1) -DHEAP_STATE_END=__stop_state_$(1) \
		-c $$< -o $$@.part
	ld -r $(HEAP_OUT)/client.o $$@.part -o $$@
	objcopy --rename-section .bss=state_$(1),alloc --keep-global-symbol=heap_client_$(1) $$@
endef
$(foreach number,$(heap-domains),$(eval $(call heap-domain-rule,$(number))))

$(HEAP_OUT)/monitor.o: $(call heap-files,shared-heap/monitor*.c)
	ld -r $^ -o $@
	objcopy --rename-section .bss=state_monitor,alloc $@

$(HEAP_OUT)/heap_fuzz: $(call heap-files,tests/heap/fuzz*.c) $(heap-system) $(unit)/fake.o
	gcc $(HEAP_CFLAGS) $^ $(heap-link) -o $@

test-xheap-src := $(heap-system)
test-xheap-flags := -include tests/heap/map.h -Ishared-heap -iquote tests/heap -iquote core/monitor $(heap-link)
