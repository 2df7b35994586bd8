// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// address_map_asm.h - where everything lies; one map for both platforms, read by C, assembly and the linker script.
//
//   TEXT_BASE     text (key 0, execute-only) and read-only data (the domain's key), nucleus data (host), pristine images
//   DOMAIN_BASE   per domain: slots (2 pages), data, bss, persistent data } one 2 GiB window with the text, so that
//   PUBLIC_BASE   key 15: struct public, owner table          } every gate and every domain is RIP-relative
//   STACKS_BASE   STACK_AREA_BYTES per domain id, STACK_STRIDE per thread: [guard page][stack]
//   HEAPS_BASE    HEAP_AREA_BYTES per domain id: the domain's private heap (only CONFIG'd bytes of it are mapped)
//   DEVICE_WINDOWS_BASE  DEVICE_WINDOW_BYTES per device, what its driver sees of it (virtio_ring.h); on pc not at the alias
//   ARENA_BASE    key 14: the shared heap
//
// All lies above 4 GiB, where 32-bit code cannot reach (attack A10). [DOMAIN_BASE, MAP_END) exists twice: at the
// address shown, with the domain's key, and at + ALIAS_OFFSET for the nucleus alone (host: key 0; pc: supervisor).
#ifndef CORE_ADDRESS_MAP_ASM_H
#define CORE_ADDRESS_MAP_ASM_H

#define PAGE_BYTES 0x1000
#define TEXT_BASE 0x200000000
#define DOMAIN_BASE 0x240000000
#define PUBLIC_BASE 0x270000000
#define OWNER_TABLE_BASE 0x271000000
#define STACKS_BASE 0x300000000
#define STACK_AREA_BYTES 0x1000000
#define STACK_STRIDE 0x20000
#define THREAD_MAX 32
#define HEAPS_BASE 0x400000000
#define HEAP_AREA_BYTES 0x40000000
#define DEVICE_WINDOWS_BASE 0x7c0000000
#define DEVICE_WINDOW_BYTES 0x200000
#define ARENA_BASE 0x800000000
#define ARENA_BYTES 0x4000000
#define MAP_END (ARENA_BASE + ARENA_BYTES)
#define ALIAS_OFFSET 0x10000000000

#define DOMAIN_MAX 14        // ids: 0 nucleus, 1 monitor, 2..13 domains; on the mpk backend id == protection key
#define DOMAIN_NUCLEUS 0
#define DOMAIN_MONITOR 1
#define DOMAIN_FIRST 2
#define PKEY_ARENA 14
#define PKEY_PUBLIC 15

#endif
