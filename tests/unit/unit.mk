# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
#
# unit.mk - native tests of the code that needs no system: target `unit` builds them into $(O)/unit/.
#
# make -f tests/unit/unit.mk unit         build           make -f tests/unit/unit.mk check        build and run
# The sources are those of the image, compiled with the sanitizers. fake.c stands for the public page and the monitor,
# fake_heap.c for the private heap, so that the address sanitizer sees every block, fake_services.c for the shared heap and
# the console. A new test is one line here.

O ?= build
comma := ,
unit := $(O)/unit
unit-tests := alloc boot boot_info command connection console discipline format fs fs_names fs_model fs_keep fs_stop \
	generator heap journal net real resp redis sched secret shell snapshot sockets store string virtio_rng xheap

kv-pure := $(filter-out domains/kv/server.c,$(wildcard domains/kv/*.c)) $(wildcard domains/fs/*.c) lib/heap_salvage.c lib/boot.c lib/format.c tests/unit/fake_services.c
test-alloc-src := lib/alloc.c
test-heap-src := lib/heap.c lib/heap_salvage.c
test-boot-src := lib/boot.c
test-boot_info-src := core/nucleus/pc/boot_info.c core/nucleus/pc/frames.c
test-command-src := $(kv-pure) tests/unit/fake_heap.c
test-connection-src := $(kv-pure) tests/unit/fake_heap.c
test-console-src := drivers/console/console.c
test-discipline-src := domains/time/discipline.c
test-format-src := lib/format.c
fs-sources := $(wildcard domains/fs/*.c) lib/heap_salvage.c lib/format.c tests/unit/fake_services.c
fs-pure := $(fs-sources) tests/unit/fake_heap.c
test-fs-src := $(fs-pure)
test-fs_names-src := $(fs-pure)
test-fs_model-src := $(fs-pure)
test-fs_keep-src := $(fs-sources) lib/heap.c
test-fs_stop-src := $(fs-sources) lib/heap.c
test-generator-src :=
test-journal-src := $(kv-pure) tests/unit/fake_heap.c lib/heap.c
test-real-src := domains/kv/real.c lib/format.c
test-resp-src := domains/kv/resp.c lib/format.c tests/unit/fake_heap.c
test-redis-src := $(kv-pure) tests/unit/fake_heap.c
test-sched-src := domains/sched/sched.c
test-secret-src := lib/secret.c lib/format.c tests/unit/fake_services.c
test-virtio_rng-src := lib/format.c tests/unit/fake_services.c
test-shell-src := $(wildcard domains/shell/*.c) lib/format.c lib/tally.c
test-snapshot-src := $(kv-pure) tests/unit/fake_heap.c
test-store-src := $(kv-pure) tests/unit/fake_heap.c
test-string-src :=

# The network stack with lwIP; the pinned source is compiled as it is, so without warnings as errors.
test-net-src := $(filter-out domains/net/status.c,$(wildcard domains/net/*.c)) lib/boot.c tests/unit/fake_heap.c \
	$(addprefix $(O)/sources/lwip/src/,$(addprefix core/,def.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c tcp.c tcp_in.c \
	tcp_out.c udp.c) $(addprefix core/ipv4/,etharp.c icmp.c ip4.c ip4_addr.c) netif/ethernet.c)
test-net-flags := -Wno-error -Wno-unused-parameter -Wno-address -DSSIZE_MAX=__LONG_MAX__ -include sys/types.h -iquote drivers/netdev -iquote domains/net/port \
	-isystem $(O)/sources/lwip/src/include -DCONFIG_NET_CONNECTIONS_MAX=1000 -DCONFIG_NET_WINDOW_KIB=512 \
	-DCONFIG_NET_SEND_BUFFER_KIB=512 -DCONFIG_NET_RX_FRAMES_MAX=1000 -DCONFIG_NET_RX_QUEUE_KIB=4096 -DCONFIG_NET_DATAGRAMS_MAX=16
# domains/net/socket_table.c is included by the test: a restart empties what is static in it.
test-sockets-src := tests/unit/fake_heap.c
test-sockets-flags := $(test-net-flags)

test-real-flags := -lm
# The address sanitizer keeps its shadow where the driver's window lies.
test-virtio_rng-flags := -fno-sanitize=address
# To leave the shell where it would sleep for ever.
test-shell-flags := -Wl$(comma)--wrap=thread_sleep_until
# Not a PIE: the linker makes such symbols absolute.
test-alloc-flags := -no-pie -Wl,--defsym=domain_heap_start=heap_area -Wl,--defsym=domain_heap_end=heap_area+HEAP_AREA
# The image ends two MiB behind its start; too far away for an ordinary program's addresses.
test-boot_info-flags := -no-pie -mcmodel=large -Wl,--defsym=image_end=0x200200000 -iquote core/nucleus/pc
# The calls of kv into fs, which test_snapshot.c makes fail.
test-snapshot-flags := $(addprefix -Wl$(comma)--wrap=,fs_open fs_read fs_write fs_sync fs_rename)
# The same, which fs does not survive, and the time that passes while kv waits for it.
test-journal-flags := $(addprefix -Wl$(comma)--wrap=,fs_open fs_close fs_pread fs_pwrite fs_write fs_fstat fs_truncate fs_rename \
	fs_unlink fs_statistics thread_sleep_until)
$(foreach name,fs fs_names fs_model command connection journal redis snapshot store,$(eval test-$(name)-flags += -DCONFIG_FS_FILES_KIB=8192))
# Small, so that chance finds what counts, and a full one is near.
$(foreach name,fs_keep fs_stop,$(eval test-$(name)-flags := -DCONFIG_FS_FILES_KIB=192))

UNIT_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all $(addprefix -iquote ,lib core/include shared-heap domains/fs domains/kv domains/net domains/shell domains/time domains/sched drivers/console drivers/entropy drivers/virtio-rng tests/components/dumper)

include tests/heap/heap.mk

.PHONY: unit check
unit: $(addprefix $(unit)/test_,$(unit-tests))

check: unit
	@for name in $(unit-tests); do $(unit)/test_$$name || exit 1; done

# The fakes of the public page are aliases, which the address sanitizer cannot follow.
$(unit)/fake.o: tests/unit/fake.c tests/unit/fake.h core/include/public.h
	@mkdir -p $(@D)
	gcc $(UNIT_CFLAGS) -fno-sanitize=all -c $< -o $@

define unit-rule
$(unit)/test_$(1): tests/unit/test_$(1).c $$(test-$(1)-src) $(unit)/fake.o tests/unit/unit.mk $(wildcard tests/unit/*.h lib/*.h lib/*.c domains/fs/*.h domains/kv/*.h domains/shell/*.h drivers/console/*.h drivers/virtio-rng/*)
	@mkdir -p $$(@D)
	gcc $$(UNIT_CFLAGS) $$< $$(test-$(1)-src) $(unit)/fake.o -o $$@ $$(subst HEAP_AREA,1048576,$$(test-$(1)-flags)) -lcmocka
endef
$(foreach name,$(unit-tests),$(eval $(call unit-rule,$(name))))
