// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// map.h - the address map of the tests of the exchange heap, included before everything else (-include): the arena lies
// where the address sanitizer leaves room, and is small, so that a full one is near.
#ifndef TESTS_HEAP_MAP_H
#define TESTS_HEAP_MAP_H

#include "address_map_asm.h"

#undef ARENA_BASE
#undef ARENA_BYTES
#define ARENA_BASE 0x200000000000
#define ARENA_BYTES 0x400000

#endif
