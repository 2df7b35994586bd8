// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// persist.h - data that a restart of its domain leaves alone.
//
// Interface: PERSISTENT, before the definition of a variable of static storage.
//
// A restart puts a domain's data back to what the image holds and empties its heap; what is PERSISTENT stays as the
// generation before left it, so that files, tables or counters outlive a fault of the code that keeps them.
// It lies in a section of its own (.persist: struct domain says where), under the domain's key, behind an unmapped
// page, in every placement. It is zero at boot, takes no room in the image, and no memory until it is touched.
//
// What may be in it: plain data, and pointers to other persistent data; a heap over a persistent array (lib/heap.h) for
// what grows. What may not: pointers to anything that a restart resets or moves (the private heap, stacks, other data,
// functions), shared-heap objects (their owner died), tokens, handles of other components, a lock that could be held.
// No initial value: nothing would ever put it there again, so the build refuses it.
//
// What <component>_init(generation, persist_valid) has to do: with persist_valid 0 make everything new. With 1, believe
// nothing: the generation before crashed, perhaps while it wrote here, perhaps because somebody else did. Check every
// index, length and pointer before its first use, in bounded time; make again what can be derived; when anything else
// is inconsistent, start empty and say so. An operation that may be interrupted becomes visible by one store, its
// commit point, with persist_barrier() on both sides. domains/fs/keep.c is the example.
// It does not survive the end of the system, and it is no secret from the components of its own domain.
// Source of the idea: Rio's file cache (Chen et al., ASPLOS 1996), and what recovery does with it.
#ifndef CORE_PERSIST_H
#define CORE_PERSIST_H

// The one section name of this kind that the compiler knows to hold nothing but zeros; scripts/layout.py gives it its
// place.
#define PERSISTENT __attribute__((section(".persistent.bss")))

// Stores before it in the text come before stores behind it, for whoever sees them after this thread was stopped in
// between.
// It is no instruction: a CPU that is stopped between two instructions has done all stores of the first and none of the
// second.
#define persist_barrier() __asm__ volatile("" : : : "memory")

#endif
